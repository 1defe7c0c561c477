package server

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

func echo(w http.ResponseWriter, r *http.Request) {
	var buf [512]byte
	n, _ := io.ReadFull(r.Body, buf[:])
	w.Header()["Content-Type"] = []string{"application/json"}
	w.Write(buf[:n])
}

const post = "POST /echo?a=b HTTP/1.1\r\nHost: 127.0.0.1:7003\r\nContent-Type: application/json\r\nContent-Length: 64\r\n\r\n"

// BenchmarkEcho compares the servers: one client that sends 64 bytes and waits for them.
func BenchmarkEcho(b *testing.B) {
	for _, k := range kinds {
		b.Run(k.name, func(b *testing.B) {
			addr := k.start(b, http.HandlerFunc(echo)).addr
			b.ReportAllocs()
			request := []byte(post + strings.Repeat("x", 64))
			b.RunParallel(func(pb *testing.PB) {
				nc, err := net.Dial("tcp", addr)
				if err != nil {
					b.Error(err)
					return
				}
				defer nc.Close()
				br := bufio.NewReader(nc)
				for pb.Next() {
					_, _ = nc.Write(request)
					if err := skipAnswer(br); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

// skipAnswer reads an answer without allocating.
func skipAnswer(br *bufio.Reader) error {
	size := 0
	for {
		line, err := br.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) == 2 {
			_, err := br.Discard(size)
			return err
		}
		const name = "Content-Length: "
		if len(line) > len(name) && string(line[:len(name)]) == name {
			size, _ = strconv.Atoi(string(line[len(name) : len(line)-2]))
		}
	}
}

// BenchmarkReadRequest is the standard library's parsing alone, for comparison.
func BenchmarkReadRequest(b *testing.B) {
	b.ReportAllocs()
	sr := strings.NewReader("")
	br := bufio.NewReader(sr)
	for b.Loop() {
		sr.Reset(post)
		br.Reset(sr)
		if _, err := http.ReadRequest(br); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkParseHead is this package's.
func BenchmarkParseHead(b *testing.B) {
	b.ReportAllocs()
	raw := []byte(post)
	for b.Loop() {
		if err := parseHead(string(raw), new(http.Request)); err != nil {
			b.Fatal(err)
		}
	}
}
