//go:build linux

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net/url"
	"os"
	"path/filepath"
	"strconv"

	sdk "github.com/alibabacloud-go/fc-20230330/v4/client"

	"github.com/fcstack/fcstack/e2e/harness"
)

func nullLog() *log.Logger { return log.New(io.Discard, "", 0) }

// echoBinary builds the function and puts it where it can be started bare.
func (b *bench) echoBinary() (path string, zip string, err error) {
	binary, err := harness.GoBinary("e2e/functions/echo")
	if err != nil {
		return "", "", err
	}
	path = filepath.Join(b.dir, "echo")
	if err := os.WriteFile(path, binary, 0o755); err != nil {
		return "", "", err
	}
	return path, harness.Zip(map[string][]byte{"bootstrap": binary}), nil
}

// createEcho makes the function of the custom runtime, one instance of which serves
// every connection there is.
func createEcho(c *sdk.Client, name, zip string) error {
	_, err := c.CreateFunction(&sdk.CreateFunctionRequest{Body: &sdk.CreateFunctionInput{
		FunctionName: &name, Runtime: new("custom.debian12"), Handler: new("index.handler"),
		Code: &sdk.InputCodeLocation{ZipFile: &zip}, InstanceConcurrency: new(int32(200)), Timeout: new(int32(60)),
	}})
	if err != nil {
		return fmt.Errorf("create %s: %w", name, err)
	}
	return nil
}

// createTrigger gives a function a URL and returns it.
func createTrigger(c *sdk.Client, function string) (*url.URL, error) {
	t, err := c.CreateTrigger(&function, &sdk.CreateTriggerRequest{Body: &sdk.CreateTriggerInput{
		TriggerName: new("http"), TriggerType: new("http"),
		TriggerConfig: new(`{"authType":"anonymous","methods":["GET","POST"]}`),
	}})
	if err != nil {
		return nil, fmt.Errorf("create the trigger of %s: %w", function, err)
	}
	return url.Parse(*t.Body.HttpTrigger.UrlInternet)
}

// post renders a request whole.
func post(host, path string, body []byte) []byte {
	head := "POST " + path + " HTTP/1.1\r\nHost: " + host + "\r\nContent-Type: application/octet-stream\r\nContent-Length: " +
		strconv.Itoa(len(body)) + "\r\n\r\n"
	return append([]byte(head), body...)
}

// payload is n bytes that look like nothing in particular and are always the same.
func payload(n int) []byte {
	var b []byte
	for sum := sha256.Sum256([]byte("payload")); len(b) < n; sum = sha256.Sum256(sum[:]) {
		b = append(b, hex.EncodeToString(sum[:])...)
	}
	return b[:n]
}

func invokePath(function string) string { return "/2023-03-30/functions/" + function + "/invocations" }

// sign makes signed requests for a function of p.
func sign(p *harness.Platform, function string) *signer {
	return &signer{Host: p.Host(), Path: invokePath(function), Key: p.Key(), Secret: p.Secret()}
}
