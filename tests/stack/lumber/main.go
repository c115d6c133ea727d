// Command lumber takes what Filebeat ships, by Elastic's own server of its protocol, and hands it on: each batch
// is one JSON array on stdout, and is acknowledged once a line has come back on stdin. A batch that isn't is sent
// again by Filebeat, to whoever listens then.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/elastic/go-lumber/log"
	"github.com/elastic/go-lumber/server/v2"
)

func main() {
	if err := serve(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "lumber:", err)
		os.Exit(1)
	}
}

// silent keeps the server from a line for each connection: the healthcheck opens one every ten seconds.
type silent struct{}

func (silent) Printf(string, ...interface{}) {}
func (silent) Println(...interface{})        {}
func (silent) Print(...interface{})          {}

// serve listens on address until stdin is closed.
func serve(address string) error {
	log.Logger = silent{}
	server, err := v2.ListenAndServe(address, v2.Keepalive(3*time.Second), v2.Timeout(time.Minute))
	if err != nil {
		return err
	}
	answers := bufio.NewReader(os.Stdin)
	batches := json.NewEncoder(os.Stdout)
	batches.SetEscapeHTML(false)
	for batch := range server.ReceiveChan() {
		if err := batches.Encode(batch.Events); err != nil {
			return err
		}
		if _, err := answers.ReadString('\n'); err != nil {
			return err
		}
		batch.ACK()
	}
	return nil
}
