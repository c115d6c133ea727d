// Command multiline joins the lines of a file as Filebeat's multiline parser does with `negate: true` and
// `match: after`: a line that doesn't match the pattern belongs to the one before. It prints, for each
// event, the number of its first line and how many lines it has. Filebeat is written in Go: its patterns
// are this regexp's.
package main

import (
	"bufio"
	"fmt"
	"os"
	"regexp"
)

func main() {
	starts := regexp.MustCompile(os.Args[1])
	file, err := os.Open(os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lines := bufio.NewScanner(file)
	first, count, number := 0, 0, 0
	for lines.Scan() {
		number++
		if first == 0 || starts.MatchString(lines.Text()) {
			show(first, count)
			first, count = number, 0
		}
		count++
	}
	show(first, count)
}

func show(first, count int) {
	if count > 0 {
		fmt.Println(first, count)
	}
}
