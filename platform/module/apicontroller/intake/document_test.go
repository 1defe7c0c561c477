package intake

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/fcstack/fcstack/platform/api"
)

func TestThePackageIsTakenOutOfTheBody(t *testing.T) {
	data := make([]byte, 200_000)
	for i := range data {
		data[i] = byte(rand.Int())
	}
	plain := base64.StdEncoding.EncodeToString(data)
	slashes := strings.ReplaceAll(plain, "/", `\/`)
	unicode := strings.ReplaceAll(strings.ReplaceAll(plain, "+", `\u002b`), "=", `\u003D`)
	lines := plain[:76] + `\r\n` + plain[76:]
	for name, text := range map[string]string{"plain": plain, "escaped slashes": slashes, "unicode escapes": unicode, "lines": lines} {
		body := `{"a":"zipFile","functionName":"f","code" : { "checksum":"1", "ZipFile" : "` + text + `" , "ossBucketName":null},"z":[{"code":{"zipFile":"AAAA"}}]}`
		for _, in := range []io.Reader{strings.NewReader(body), iotest.OneByteReader(strings.NewReader(body)), iotest.DataErrReader(strings.NewReader(body))} {
			var sink bytes.Buffer
			rest, size, err := TakeZip(in, &sink, 4<<20)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if size != int64(len(data)) || !bytes.Equal(sink.Bytes(), data) {
				t.Errorf("%s: %d bytes of %d", name, size, len(data))
			}
			want := `{"a":"zipFile","functionName":"f","code" : { "checksum":"1", "ZipFile" : "" , "ossBucketName":null},"z":[{"code":{"zipFile":"AAAA"}}]}`
			if string(rest) != want {
				t.Errorf("%s: the rest is %s", name, rest)
			}
		}
	}
}

func TestBodiesWithoutPackageStayAsTheyAre(t *testing.T) {
	for _, body := range []string{
		``, `{}`, `null`, `{"code":null}`, `{"code":{"zipFile":null}}`, `{"code":{"zipFile":7}}`, `{"code":"zipFile","zipFile":"AAAA"}`,
		`{"x":{"zipFile":"AAAA"}}`, `{"code":["zipFile","AAAA"]}`, `["code",{"zipFile":"AAAA"}]`, `{"code":{"a":{"zipFile":"AAAA"}}}`,
		`{"a\"b":"c\\","d":"{\"code\":{\"zipFile\":\"AAAA\"}}"}`, `{"code":{"a":1},"b":{"zipFile":"AAAA"}}`, `{"unfinished`, `}]{`, `{"code":{"zipFile":""}}`,
	} {
		var sink bytes.Buffer
		rest, size, err := TakeZip(strings.NewReader(body), &sink, 4<<20)
		if err != nil || string(rest) != body || size != 0 || sink.Len() != 0 {
			t.Errorf("%s: rest %s, %d bytes, %v", body, rest, size, err)
		}
	}
}

func TestPackagesThatCannotBeTaken(t *testing.T) {
	endless := io.MultiReader(strings.NewReader(`{"code":{"zipFile":"`), repeat("QUFB"))
	for name, in := range map[string]io.Reader{
		"endless":               endless,
		"cut off":               strings.NewReader(`{"code":{"zipFile":"AAAA`),
		"padding in the middle": strings.NewReader(`{"code":{"zipFile":"AA==AAAA"}}`),
		"not base64":            strings.NewReader(`{"code":{"zipFile":"A*AA"}}`),
		"a wild escape":         strings.NewReader(`{"code":{"zipFile":"AA\u00ffAA"}}`),
		"an unknown escape":     strings.NewReader(`{"code":{"zipFile":"AA\xAA"}}`),
		"odd length":            strings.NewReader(`{"code":{"zipFile":"AAAAA"}}`),
		"endless key":           io.MultiReader(strings.NewReader(`{"`), repeat("k")),
		"endless space":         repeat(" "),
		"deep":                  repeat("["),
	} {
		_, _, err := TakeZip(in, io.Discard, 4<<20)
		var e *api.Error
		if !errors.As(err, &e) || e.Status != 400 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type repeat string

func (r repeat) Read(p []byte) (int, error) {
	n := 0
	for n+len(r) <= len(p) {
		n += copy(p[n:], r)
	}
	return n, nil
}

func FuzzTakeZip(f *testing.F) {
	for _, seed := range []string{`{"code":{"zipFile":"AAAA"}}`, `{"code":{"zipFile":"A\/AA"},"b":[1,{"c":"d\""}]}`, `{"Code":{"x":"y","zipfile":""}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var whole struct {
			Code *struct {
				ZipFile *string `json:"zipFile"`
			} `json:"code"`
		}
		if json.Unmarshal(body, &whole) != nil || whole.Code == nil || whole.Code.ZipFile == nil {
			return
		}
		want, err := base64.StdEncoding.DecodeString(*whole.Code.ZipFile)
		if err != nil || strings.Contains(string(body), `\`) || bytes.Count(bytes.ToLower(body), []byte("zipfile")) != 1 {
			return
		}
		var sink bytes.Buffer
		rest, _, err := TakeZip(bytes.NewReader(body), &sink, 4<<20)
		if err != nil || !bytes.Equal(sink.Bytes(), want) || !json.Valid(rest) {
			t.Errorf("%q: got %q, rest %q, %v", body, sink.Bytes(), rest, err)
		}
	})
}

func TestADiskThatIsFullIsNoFaultOfTheCaller(t *testing.T) {
	full := NewPackage(t.TempDir() + "/missing")
	defer full.Close()
	_, _, err := TakeZip(strings.NewReader(`{"code":{"zipFile":"AAAA"}}`), full, 4<<20)
	var e *api.Error
	if err == nil || errors.As(err, &e) {
		t.Errorf("got %v", err)
	}
	var b Body
	defer b.Close()
	err = b.Take(strings.NewReader(strings.Repeat("x", 2*InMemory)), -1, nil, Bounds{Limit: 8 * InMemory, TempDir: t.TempDir() + "/missing"})
	if err == nil || errors.As(err, &e) {
		t.Errorf("got %v", err)
	}
}

func TestBodiesOfEverySizeAreTaken(t *testing.T) {
	const limit = 3 * InMemory
	for _, size := range []int{0, 1, InMemory - 1, InMemory, InMemory + 1, limit, limit + 1} {
		for _, announced := range []bool{true, false} {
			text := strings.Repeat("x", size)
			length := int64(-1)
			if announced {
				length = int64(size)
			}
			var b Body
			sig := &api.Signature{ContentSHA256: api.SHA256Text([]byte(text))}
			err := b.Take(strings.NewReader(text), length, sig, Bounds{Limit: limit, TempDir: t.TempDir()})
			if size > limit {
				var e *api.Error
				if !errors.As(err, &e) || e.Code != api.CodeEntityTooLarge {
					t.Errorf("%d bytes: %v", size, err)
				}
				b.Close()
				continue
			}
			if err != nil {
				t.Fatalf("%d bytes, announced %v: %v", size, announced, err)
			}
			if got, err := io.ReadAll(b.Reader()); err != nil || string(got) != text || b.Size() != int64(size) {
				t.Errorf("%d bytes: got %d, %v", size, len(got), err)
			}
			b.Close()
			b.Close()
		}
	}
}
