package apicontroller

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/fcstack/fcstack/platform/api"
	"github.com/fcstack/fcstack/platform/backend/objectstore"
	"github.com/fcstack/fcstack/platform/fc"
)

// downloadFor is how long a download URL is good.
const downloadFor = time.Hour

// getFunctionCode answers a URL that fetches the package without further credentials
// for a while. It is signed with the caller's own access key: every replica can check
// it, and disabling the key ends it.
func (c *Controller) getFunctionCode(q *request) (any, error) {
	f, err := c.function(q)
	if err != nil {
		return nil, err
	}
	if f.Code.Key == "" {
		return nil, api.InvalidArgument("functionName", "function %q runs an image, it has no package", f.Name)
	}
	expires := strconv.FormatInt(c.now().Add(downloadFor).Unix(), 10)
	url := c.baseURL(q.Request) + downloadPath + f.Code.SHA256 + ".zip?AccessKeyId=" + q.key.ID + "&Expires=" + expires +
		"&Signature=" + downloadSignature(q.key, f.Code.SHA256, expires)
	return api.OutputFuncCode{URL: url, Checksum: f.Code.CRC64}, nil
}

func downloadSignature(key *fc.AccessKey, sha, expires string) string {
	mac := hmac.New(sha256.New, []byte(key.Secret))
	mac.Write([]byte("code-package\n" + key.Account + "\n" + sha + "\n" + expires))
	return hex.EncodeToString(mac.Sum(nil))
}

// serveDownload answers a URL that getFunctionCode made.
func (c *Controller) serveDownload(x *exchange, name string) {
	if err := c.download(x, name); err != nil {
		x.fail(c.apiError(err, x.id, x.operation))
	}
}

func (c *Controller) download(x *exchange, name string) error {
	if x.r.Method != http.MethodGet && x.r.Method != http.MethodHead {
		return api.Errorf(api.CodePathNotSupported, "a package can only be fetched")
	}
	query := x.r.URL.Query()
	key, ok := c.deps.View.AccessKey(query.Get("AccessKeyId"))
	sha, isZip := strings.CutSuffix(name, ".zip")
	expires := query.Get("Expires")
	if !ok || key.Disabled || !isZip || !hmac.Equal([]byte(downloadSignature(key, sha, expires)), []byte(query.Get("Signature"))) {
		return api.Errorf(api.CodeSignatureNotMatch, "the URL is not one this platform made")
	}
	if until, err := strconv.ParseInt(expires, 10, 64); err != nil || c.now().Unix() > until {
		return api.Errorf(api.CodeAccessDenied, "the URL has expired; GetFunctionCode makes another one")
	}
	in, info, err := c.deps.Objects.Get(x.r.Context(), objectstore.CodeKey(key.Account, sha))
	if errors.Is(err, fc.ErrNotFound) {
		return api.Errorf(api.CodeFunctionNotFound, "the package is gone")
	}
	if err != nil {
		return unavailable("read package", err)
	}
	defer in.Close()
	h := x.w.Header()
	h.Set(requestIDHeader, x.id)
	h.Set("Content-Type", "application/zip")
	h.Set("Content-Length", strconv.FormatInt(info.Size, 10))
	h.Set("Content-Disposition", `attachment; filename="code.zip"`)
	x.begin(http.StatusOK)
	if x.r.Method == http.MethodHead {
		return nil
	}
	if _, err := io.Copy(x.w, in); err != nil {
		panic(http.ErrAbortHandler)
	}
	return nil
}

// baseURL is how clients reach the platform, without a slash at its end.
func (c *Controller) baseURL(r *http.Request) string {
	if c.cfg.BaseURL != "" {
		return c.cfg.BaseURL
	}
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
