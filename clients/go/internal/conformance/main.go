// Plays a conformance scenario (clients/conformance/README.md) through the Go client.
//
//	conformance SCENARIO ADDRESS [CA_FILE]
//
// An API key is taken from TELWERK_API_KEY. Prints a line per step; ends with 1 if one went otherwise than told.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"

	telwerk "telwerk.io/go"
)

func main() {
	if len(os.Args) < 3 {
		fatal(fmt.Errorf("usage: conformance SCENARIO ADDRESS [CA_FILE]"))
	}
	scenario, err := readScenario(os.Args[1])
	if err != nil {
		fatal(err)
	}
	options, err := connecting(os.Args[3:])
	if err != nil {
		fatal(err)
	}
	client, err := telwerk.New(os.Args[2], options...)
	if err != nil {
		fatal(err)
	}
	defer client.Close()
	player := player{client: client, calls: callsOf(client), volatile: scenario.Volatile, named: scenario.Let}
	if !player.playAll(scenario.Steps) {
		os.Exit(1)
	}
}

func readScenario(path string) (*scenario, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	read := scenario{Let: map[string]json.RawMessage{}}
	return &read, json.Unmarshal(text, &read)
}

func connecting(caFile []string) ([]telwerk.Option, error) {
	var options []telwerk.Option
	if key := os.Getenv("TELWERK_API_KEY"); key != "" {
		options = append(options, telwerk.WithAPIKey(key))
	}
	if len(caFile) > 0 {
		pem, err := os.ReadFile(caFile[0])
		if err != nil {
			return nil, err
		}
		trusted := x509.NewCertPool()
		trusted.AppendCertsFromPEM(pem)
		options = append(options, telwerk.WithTLS(&tls.Config{RootCAs: trusted}))
	}
	return options, nil
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(2)
}
