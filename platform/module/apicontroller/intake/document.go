package intake

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"strconv"

	"github.com/fcstack/fcstack/platform/api"
)

// MaxDocument bounds a management request, the package inside it apart.
const MaxDocument = 1 << 20

// maxDepth bounds how deep a document nests.
const maxDepth = 64

// document copies a JSON request from in to out, except the text of code.zipFile: that
// is decoded into sink on the way, so that a package of 100 MiB never is in memory. It
// checks no more of the grammar than it needs; decoding what it copied does the rest.
type document struct {
	in    *bufio.Reader
	out   bytes.Buffer
	sink  io.Writer
	limit int64

	open      []byte // containers that are open, { or [ each
	expectKey bool   // the next text names a member
	key       []byte // the member whose value is next
	inCode    bool   // the container at depth 2 is the value of "code"
	zipBytes  int64  // of the decoded package
	zipSeen   bool
}

// TakeZip reads a whole request and returns it without its package, whose size it
// tells; 0: there was none. The package, of at most limit bytes, goes to sink.
func TakeZip(in io.Reader, sink io.Writer, limit int64) (rest []byte, size int64, err error) {
	d := &document{in: bufio.NewReaderSize(in, 64<<10), sink: sink, limit: limit}
	for {
		b, err := d.in.ReadByte()
		if err == io.EOF {
			return d.out.Bytes(), d.zipBytes, nil
		}
		if err != nil {
			return nil, 0, errRead(err)
		}
		if err := d.next(b); err != nil {
			return nil, 0, err
		}
		if d.out.Len() > MaxDocument {
			return nil, 0, api.Errorf(api.CodeEntityTooLarge, "the request without its package is larger than %d MiB", MaxDocument>>20)
		}
	}
}

func (d *document) next(b byte) error {
	switch b {
	case '"':
		return d.text()
	case '{', '[':
		if len(d.open) == maxDepth {
			return api.InvalidArgument("body", "it nests deeper than %d levels", maxDepth)
		}
		if len(d.open) == 1 {
			d.inCode = b == '{' && bytes.EqualFold(d.key, []byte("code"))
		}
		d.open = append(d.open, b)
		d.expectKey = b == '{'
	case '}', ']':
		if len(d.open) > 0 {
			d.open = d.open[:len(d.open)-1]
		}
		d.expectKey = false
	case ',':
		d.expectKey = len(d.open) > 0 && d.open[len(d.open)-1] == '{'
	}
	d.out.WriteByte(b)
	return nil
}

// text reads what follows a quote, to the closing one.
func (d *document) text() error {
	if d.expectKey {
		d.expectKey = false
		start := d.out.Len() + 1
		if err := d.copyText(); err != nil {
			return err
		}
		d.key = append(d.key[:0], d.out.Bytes()[start:d.out.Len()-1]...)
		return nil
	}
	if len(d.open) == 2 && d.inCode && bytes.EqualFold(d.key, []byte("zipFile")) {
		return d.zip()
	}
	return d.copyText()
}

func (d *document) copyText() error {
	d.out.WriteByte('"')
	escaped := false
	for d.out.Len() <= MaxDocument {
		b, err := d.in.ReadByte()
		if err == io.EOF {
			return nil // the decoder will say where it ends
		}
		if err != nil {
			return errRead(err)
		}
		d.out.WriteByte(b)
		if b == '"' && !escaped {
			return nil
		}
		escaped = b == '\\' && !escaped
	}
	return nil // too large; the caller says so
}

func (d *document) zip() error {
	if d.zipSeen {
		return api.InvalidArgument("code.zipFile", "it is given twice")
	}
	d.zipSeen = true
	d.out.WriteString(`""`)
	text := &jsonText{in: d.in}
	limited := io.LimitReader(base64.NewDecoder(base64.StdEncoding, text), d.limit+1)
	n, err := io.Copy(d.sink, limited)
	var corrupt base64.CorruptInputError
	switch {
	case n > d.limit:
		return api.InvalidArgument("code.zipFile", "the package is larger than %d MiB", d.limit>>20)
	case errors.As(err, &corrupt), err == io.ErrUnexpectedEOF:
		return api.InvalidArgument("code.zipFile", "it is not base64")
	case err != nil:
		return errRead(err)
	}
	d.zipBytes = n
	return nil
}

// jsonText reads the content of a JSON text up to its closing quote.
type jsonText struct {
	in   *bufio.Reader
	done bool
}

func (t *jsonText) Read(p []byte) (int, error) {
	if t.done {
		return 0, io.EOF
	}
	if _, err := t.in.Peek(1); err != nil {
		return 0, unexpected(err)
	}
	chunk, err := t.in.Peek(min(t.in.Buffered(), len(p)))
	if err != nil {
		return 0, unexpected(err)
	}
	n := bytes.IndexAny(chunk, `"\`)
	if n < 0 {
		n = len(chunk)
	}
	copy(p, chunk[:n])
	t.discard(n)
	if n > 0 || len(chunk) == 0 {
		return n, nil
	}
	return t.special(p)
}

// special reads the closing quote or one escaped character.
func (t *jsonText) special(p []byte) (int, error) {
	b, err := t.in.ReadByte()
	if err != nil {
		return 0, unexpected(err)
	}
	if b == '"' {
		t.done = true
		return 0, io.EOF
	}
	if b, err = t.in.ReadByte(); err != nil {
		return 0, unexpected(err)
	}
	switch b {
	case '/':
		p[0] = '/'
	case 'n', 'r', 't':
		p[0] = '\n'
	case 'u':
		var code [4]byte
		if _, err := io.ReadFull(t.in, code[:]); err != nil {
			return 0, unexpected(err)
		}
		v, err := strconv.ParseUint(string(code[:]), 16, 16)
		if err != nil || v > 0x7f {
			return 0, base64.CorruptInputError(0)
		}
		p[0] = byte(v)
	default:
		return 0, base64.CorruptInputError(0)
	}
	return 1, nil
}

func (t *jsonText) discard(n int) {
	if _, err := t.in.Discard(n); err != nil {
		t.done = true // cannot be: so much was buffered
	}
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
