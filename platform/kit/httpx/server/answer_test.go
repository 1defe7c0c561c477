package server

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var large = strings.Repeat("0123456789abcdef", 1<<10)

// answers are handlers whose answers must look alike from both servers.
var answers = []struct {
	name   string
	answer http.HandlerFunc
}{
	{"nothing", func(http.ResponseWriter, *http.Request) {}},
	{"a small body", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "small") }},
	{"a small body in parts", func(w http.ResponseWriter, r *http.Request) {
		for range 10 {
			fmt.Fprint(w, "<p>part")
		}
	}},
	{"a large body", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, large) }},
	{"a large body in small parts", func(w http.ResponseWriter, r *http.Request) {
		for i := range 10000 {
			fmt.Fprint(w, i)
		}
	}},
	{"a large body of declared length", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(large)))
		io.WriteString(w, large[:5])
		w.Write([]byte(large[5:]))
	}},
	{"a body that is copied", func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, strings.NewReader(large)) }},
	{"a body that is copied from an opaque reader", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, io.MultiReader(strings.NewReader(large), strings.NewReader("end")))
	}},
	{"a flush before anything", func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		io.WriteString(w, "late")
	}},
	{"a flush alone", func(w http.ResponseWriter, r *http.Request) { w.(http.Flusher).Flush() }},
	{"a flush in between", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "one")
		_ = http.NewResponseController(w).Flush()
		io.WriteString(w, "two")
	}},
	{"no content", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "5")
		w.Header().Set("Content-Type", "a/b")
		w.WriteHeader(http.StatusNoContent)
		_, err := io.WriteString(w, "small")
		if !errors.Is(err, http.ErrBodyNotAllowed) {
			panic(err)
		}
	}},
	{"not modified", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "5")
		w.Header().Set("Content-Type", "a/b")
		w.Header().Set("Etag", "x")
		w.WriteHeader(http.StatusNotModified)
	}},
	{"early hints", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</style.css>")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set("X-More", "1")
		io.WriteString(w, "body")
	}},
	{"an explicit 100", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusContinue)
		w.WriteHeader(http.StatusCreated)
	}},
	{"an unknown status", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(299) }},
	{"an error status", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Handler", "1")
		http.Error(w, "no", http.StatusTeapot)
	}},
	{"a second WriteHeader", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusCreated)
		w.WriteHeader(http.StatusAccepted)
	}},
	{"a status that is none", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(99) }},
	{"fields after the head", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("A", "before")
		w.WriteHeader(http.StatusOK)
		w.Header().Set("A", "after")
		w.Header().Set("B", "after")
		io.WriteString(w, "x")
	}},
	{"several values", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Set-Cookie", "a=1")
		w.Header().Add("Set-Cookie", "b=2")
	}},
	{"values that would begin a line", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("A", " b\r\nInjected: 1\r\n\r\nbody ")
		w.Header()["B: x\r\nInjected"] = []string{"2"}
		w.Header()["C d"] = []string{"3"}
	}},
	{"no type on purpose", func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Content-Type"] = nil
		io.WriteString(w, "<html>")
	}},
	{"no date on purpose", func(w http.ResponseWriter, r *http.Request) { w.Header()["Date"] = nil }},
	{"an encoded body is not sniffed", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		io.WriteString(w, "<html>")
	}},
	{"a body that is too short", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "10")
		io.WriteString(w, "small")
	}},
	{"a body that is too long", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "5")
		io.WriteString(w, "small")
		if _, err := io.WriteString(w, "more"); !errors.Is(err, http.ErrContentLength) {
			panic(err)
		}
	}},
	{"a declared trailer", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-A, x-b, Content-Length")
		io.WriteString(w, "body")
		w.Header().Set("X-A", "1")
		w.Header().Set("X-B", "2")
		w.Header().Set("X-C", "3")
	}},
	{"an undeclared trailer", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, large)
		w.Header().Set(http.TrailerPrefix+"X-A", "1")
	}},
	{"an undeclared trailer of a small body", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(http.TrailerPrefix+"X-A", "1")
		io.WriteString(w, "body")
	}},
	{"Connection: close", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		io.WriteString(w, "last")
	}},
	{"another Connection", func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Connection", "x-y") }},
	{"a handler that changes its request", func(w http.ResponseWriter, r *http.Request) {
		r.Header, r.Close, r.Body = nil, false, nil
		io.WriteString(w, "small")
	}},
	{"identity", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Transfer-Encoding", "identity")
		io.WriteString(w, "to the end")
	}},
	{"chunked by hand", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Transfer-Encoding", "chunked")
		io.WriteString(w, "small")
	}},
	{"both framings", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Transfer-Encoding", "chunked")
		if r.ProtoAtLeast(1, 1) {
			w.Header().Set("Content-Length", "5")
		}
		io.WriteString(w, "small")
	}},
	{"a panic", func(w http.ResponseWriter, r *http.Request) { panic("no") }},
	{"an abort", func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }},
	{"an abort after the head", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, large)
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}},
	{"a switch of protocols", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "x")
		w.WriteHeader(http.StatusSwitchingProtocols)
	}},
}

func TestAnswersLookAsNetHTTPsDo(t *testing.T) {
	for _, a := range answers {
		t.Run(a.name, func(t *testing.T) {
			p := newPair(t, a.answer)
			for _, method := range []string{"GET", "HEAD", "POST"} {
				for _, tail := range []string{
					" / HTTP/1.1\r\nHost: x\r\n", " / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n",
					" / HTTP/1.0\r\n", " / HTTP/1.0\r\nConnection: keep-alive\r\n",
				} {
					one := method + tail + "\r\n"
					p.same(t, one+one)
				}
			}
		})
	}
}

// net/http passes it on if it can, and so ends up with an answer that nobody can read.
func TestALengthThatIsNoneIsLeftOut(t *testing.T) {
	p := newPair(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "-1")
		io.WriteString(w, "small")
	}))
	got := digest(p.own.play(t, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 1<<20), "GET")
	if !strings.Contains(got, `length=5`) || !strings.Contains(got, `"small"`) {
		t.Errorf("got %s", got)
	}
}

func TestAFileGoesToTheSocketWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	content := strings.Repeat(large, 20)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, err := os.Open(path)
		if err != nil {
			panic(err)
		}
		defer f.Close()
		switch r.URL.Path {
		case "/declared":
			w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		case "/part":
			w.Header().Set("Content-Length", "1000")
		case "/served":
			http.ServeFile(w, r, path)
			return
		}
		_, _ = w.(io.ReaderFrom).ReadFrom(f)
	})
	r := startOwn(t, handler)
	for path, want := range map[string]string{
		"/declared": content, "/part": content[:1000], "/served": content, "/chunked": content,
	} {
		for range 2 {
			got, err := get(t, "http://"+r.addr+path)
			if err != nil || got != want {
				t.Errorf("%s: %d bytes, %v; want %d", path, len(got), err, len(want))
			}
		}
	}
}

func get(t *testing.T, url string) (string, error) {
	t.Helper()
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}
