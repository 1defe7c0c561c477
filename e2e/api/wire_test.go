package api

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	sdk "github.com/alibabacloud-go/fc-20230330/v4/client"

	"github.com/fcstack/fcstack/e2e/harness"
)

// What is not even HTTP is refused or cut off, and never reaches a function as another
// request than it was.
func TestBytesThatAreNoRequest(t *testing.T) {
	p := harness.Shared(t)
	f := harness.Create(t, p, harness.Probe(t))
	host := harness.Trigger(t, p, f, anonymous).Host
	tests := map[string]string{
		"noise":                          "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"no version":                     "GET /\r\n\r\n",
		"a negative length":              "POST / HTTP/1.1\r\nHost: " + host + "\r\nContent-Length: -5\r\n\r\n",
		"two lengths that differ":        "POST / HTTP/1.1\r\nHost: " + host + "\r\nContent-Length: 5\r\nContent-Length: 50\r\n\r\nhello",
		"a coding nobody knows":          "POST / HTTP/1.1\r\nHost: " + host + "\r\nTransfer-Encoding: rot13\r\n\r\nuryyb",
		"a chunk size that is no number": "POST / HTTP/1.1\r\nHost: " + host + "\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
		"two hosts":                      "GET / HTTP/1.1\r\nHost: " + host + "\r\nHost: other\r\n\r\n",
		"no host":                        "GET / HTTP/1.1\r\n\r\n",
		"a header with a space before :": "GET / HTTP/1.1\r\nHost : " + host + "\r\n\r\n",
		"a header without end":           "GET / HTTP/1.1\r\nHost: " + host + "\r\nX-Long: " + strings.Repeat("x", 4<<20),
		"a target with a control":        "GET /\x01 HTTP/1.1\r\nHost: " + host + "\r\n\r\n",
		"a target too long":              "GET /" + strings.Repeat("x", 5<<10) + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n",
		"headers too long":               "GET / HTTP/1.1\r\nHost: " + host + "\r\nX-Long: " + strings.Repeat("x", 9<<10) + "\r\n\r\n",
	}
	for name, bytes := range tests {
		t.Run(name, func(t *testing.T) {
			if status, _ := answerToBytes(t, p, bytes); status != 0 && status != http.StatusNotImplemented && (status < 400 || status >= 500) {
				t.Errorf("answers %d", status)
			}
			if a := harness.Invoke(t, p, f, "hi", nil); a.Body != "hi" {
				t.Errorf("a call after it answers %+v", a)
			}
		})
	}
}

// A request with both framings must reach the function with one of them, so that it
// cannot see another body than the platform did.
func TestChunksWinOverALength(t *testing.T) {
	p := harness.Shared(t)
	f := harness.Create(t, p, harness.Probe(t))
	host := harness.Trigger(t, p, f, anonymous).Host
	status, body := answerToBytes(t, p, "POST / HTTP/1.1\r\nHost: "+host+"\r\nContent-Length: 50\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
	if status == http.StatusBadRequest {
		return // refusing it is as good
	}
	told := harness.Decode(t, body)
	if length := told.Header.Get("Content-Length"); told.Length != 3 || length != "" && length != "3" {
		t.Errorf("the function read %d bytes and saw Content-Length %q", told.Length, length)
	}
}

// answerToBytes sends bytes and returns status and body of the answer; 0 if the
// connection was closed without one.
func answerToBytes(t *testing.T, p *harness.Platform, bytes string) (status int, body string) {
	t.Helper()
	c, err := net.Dial("tcp", p.Host())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = io.WriteString(c, bytes) // it may be cut off
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.CloseWrite()
		}
	}()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Errorf("status %d, and its body breaks off: %v", resp.StatusCode, err)
	}
	return resp.StatusCode, string(all)
}

func TestUpdatesAtOnceAllEnd(t *testing.T) {
	p := harness.Shared(t)
	c := harness.SDK(t, p)
	name := harness.Create(t, p, script("shared"))
	errs := make(chan error, 40)
	for i := range cap(errs) {
		go func() {
			_, err := c.UpdateFunction(&name, &sdk.UpdateFunctionRequest{Body: &sdk.UpdateFunctionInput{Timeout: new(int32(i + 1))}})
			errs <- err
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil && harness.ErrorOf(err).Code != "ConcurrentUpdateError" {
			t.Error(err)
		}
	}
}
