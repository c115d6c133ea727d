// Command lumber takes what Filebeat ships, by Elastic's own server of its protocol, and hands it on: each batch
// is one JSON array on stdout, and is acknowledged once a line has come back on stdin. A batch that isn't is sent
// again by Filebeat, to whoever listens then.
//
//	lumber ADDRESS [CERTIFICATE KEY AUTHORITY]
//
// With the last three it asks for a certificate of the authority, as logstash/pipeline/beats-tls.conf does.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/elastic/go-lumber/log"
	"github.com/elastic/go-lumber/server/v2"
)

func main() {
	if err := serve(os.Args[1], os.Args[2:]); err != nil {
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
func serve(address string, files []string) error {
	log.Logger = silent{}
	options := []v2.Option{v2.Keepalive(3 * time.Second), v2.Timeout(time.Minute)}
	if len(files) == 3 {
		mutual, err := configure(files[0], files[1], files[2])
		if err != nil {
			return err
		}
		options = append(options, v2.TLS(mutual))
	}
	server, err := v2.ListenAndServe(address, options...)
	if err != nil {
		return err
	}
	return hand(server)
}

// configure makes TLS that takes only clients with a certificate of the authority.
func configure(certificate, key, authority string) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(authority)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate", authority)
	}
	mutual := &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	return mutual, nil
}

// hand writes each batch to stdout, and acknowledges it once it is safe.
func hand(server *v2.Server) error {
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
