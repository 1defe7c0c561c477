package api

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const (
	testKey    = "AKID"
	testSecret = "SECRET"
)

// vector is a request with a signature that an official client computed.
func vector() *http.Request {
	r := httptest.NewRequest("POST", "/2023-03-30/functions/f1/invocations?x=a+b%2A~%2F%2B&qualifier=LATEST", strings.NewReader("hello"))
	r.Host = "127.0.0.1:8080"
	for name, value := range map[string]string{
		"Content-Type":               "application/octet-stream",
		"X-Acs-Accesskey-Id":         testKey,
		"X-Acs-Action":               "InvokeFunction",
		"X-Acs-Credentials-Provider": "static_sts",
		"X-Acs-Date":                 "2026-01-02T03:04:05Z",
		"X-Acs-Security-Token":       "TOKEN",
		"X-Acs-Signature-Nonce":      "0123456789abcdef0123456789abcdef",
		"X-Acs-Content-Sha256":       "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
		"X-Acs-Version":              Version,
		"X-Fc-Log-Type":              "Tail",
	} {
		r.Header.Set(name, value)
	}
	r.Header.Set("Authorization", "ACS3-HMAC-SHA256 Credential=AKID,SignedHeaders=content-type;host;x-acs-accesskey-id;"+
		"x-acs-action;x-acs-content-sha256;x-acs-credentials-provider;x-acs-date;x-acs-security-token;"+
		"x-acs-signature-nonce;x-acs-version,Signature=ba29f9d47cbe3276456b00b9a475ebbc6a522e078a3fd0d329d722341eb6caf0")
	return r
}

func TestACS3Vector(t *testing.T) {
	s, err := ParseSignature(vector())
	if err != nil {
		t.Fatal(err)
	}
	if s.AccessKeyID != testKey || s.SecurityToken != "TOKEN" || s.Nonce == "" {
		t.Errorf("parsed %+v", s)
	}
	if want := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC); !s.Date.Equal(want) {
		t.Errorf("date %v, want %v", s.Date, want)
	}
	if err := s.Verify(testSecret); err != nil {
		t.Error(err)
	}
	if err := s.Verify("another"); err == nil {
		t.Error("a wrong secret was accepted")
	}
	if err := s.CheckBody([]byte("hello")); err != nil {
		t.Error(err)
	}
}

func TestACS3ToleratesSpacesBetweenTheParts(t *testing.T) {
	r := vector()
	r.Header.Set("Authorization", strings.ReplaceAll(r.Header.Get("Authorization"), ",", ", "))
	mustVerify(t, r)
}

func mustVerify(t *testing.T, r *http.Request) {
	t.Helper()
	s, err := ParseSignature(r)
	if err == nil {
		err = s.Verify(testSecret)
	}
	if err != nil {
		t.Error(err)
	}
}

func TestACS3RefusesWhatWasChanged(t *testing.T) {
	signed := "SignedHeaders=content-type;host;"
	tests := []struct {
		name   string
		change func(*http.Request)
		code   string
	}{
		{"the method", func(r *http.Request) { r.Method = "PUT" }, CodeSignatureNotMatch},
		{"the path", func(r *http.Request) { r.RequestURI = strings.Replace(r.RequestURI, "f1", "f2", 1) }, CodeSignatureNotMatch},
		{"a query value", func(r *http.Request) { r.URL.RawQuery = "qualifier=1&x=a+b%2A~%2F%2B" }, CodeSignatureNotMatch},
		{"a query parameter more", func(r *http.Request) { r.URL.RawQuery += "&y=1" }, CodeSignatureNotMatch},
		{"two parameters folded into a name", func(r *http.Request) { r.URL.RawQuery = "qualifier%3DLATEST%26x=a+b%2A~%2F%2B" }, CodeSignatureNotMatch},
		{"a query that cannot be decoded", func(r *http.Request) { r.URL.RawQuery = "x=%zz" }, CodeSignatureNotMatch},
		{"the host", func(r *http.Request) { r.Host = "127.0.0.1:8081" }, CodeSignatureNotMatch},
		{"the content type", func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, CodeSignatureNotMatch},
		{"the action", func(r *http.Request) { r.Header.Set("X-Acs-Action", "DeleteFunction") }, CodeSignatureNotMatch},
		{"the date", func(r *http.Request) { r.Header.Set("X-Acs-Date", "2026-01-02T03:04:06Z") }, CodeSignatureNotMatch},
		{"the nonce", func(r *http.Request) { r.Header.Set("X-Acs-Signature-Nonce", "1") }, CodeSignatureNotMatch},
		{"the body hash", func(r *http.Request) { r.Header.Set("X-Acs-Content-Sha256", emptySHA256) }, CodeSignatureNotMatch},
		{"an x-acs header more", func(r *http.Request) { r.Header.Set("X-Acs-Extra", "1") }, CodeSignatureNotMatch},
		{"an x-acs header twice", func(r *http.Request) { r.Header.Add("X-Acs-Action", "InvokeFunction") }, CodeSignatureNotMatch},
		{"host is not signed", func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), signed, "SignedHeaders=content-type;", 1))
		}, CodeSignatureNotMatch},
		{"no date", func(r *http.Request) { r.Header.Del("X-Acs-Date") }, CodeMissingRequiredHeader},
		{"no nonce", func(r *http.Request) { r.Header.Del("X-Acs-Signature-Nonce") }, CodeMissingRequiredHeader},
		{"no body hash", func(r *http.Request) { r.Header.Del("X-Acs-Content-Sha256") }, CodeMissingRequiredHeader},
		{"no version", func(r *http.Request) { r.Header.Del("X-Acs-Version") }, CodeMissingRequiredHeader},
		{"a date that is none", func(r *http.Request) { r.Header.Set("X-Acs-Date", "yesterday") }, CodeSignatureNotMatch},
		{"no authorization", func(r *http.Request) { r.Header.Del("Authorization") }, CodeSignatureNotMatch},
		{"another scheme", func(r *http.Request) { r.Header.Set("Authorization", "Basic QQ==") }, CodeSignatureNotMatch},
		{"no signature", func(r *http.Request) {
			r.Header.Set("Authorization", "ACS3-HMAC-SHA256 Credential=AKID,SignedHeaders=host")
		}, CodeSignatureNotMatch},
		{"nothing but the name", func(r *http.Request) { r.Header.Set("Authorization", "ACS3-HMAC-SHA256 ") }, CodeSignatureNotMatch},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := vector()
			tt.change(r)
			s, err := ParseSignature(r)
			if err == nil {
				err = s.Verify(testSecret)
			}
			wantCode(t, err, tt.code)
		})
	}
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an API error %s", err, code)
	}
	if e.Code != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

func TestROAVector(t *testing.T) {
	r := httptest.NewRequest("POST", "/hello?c&b=2&a=x+y", nil)
	r.Header = http.Header{
		"Accept":                {"application/json"},
		"Content-Type":          {"text/plain"},
		"Date":                  {"Fri, 02 Jan 2026 03:04:05 GMT"},
		"X-Acs-Signature-Nonce": {"n1"},
		"X-Acs-Version":         {Version},
		"Authorization":         {"acs AKID:k15HZUHkj5H/k38+8ACmY8VfZwg="},
	}
	mustVerify(t, r)
	text, _ := roaText(r)
	if want := "POST\napplication/json\n\ntext/plain\nFri, 02 Jan 2026 03:04:05 GMT\nx-acs-signature-nonce:n1\n" +
		"x-acs-version:2023-03-30\n/hello?a=x y&b=2&c"; string(text) != want {
		t.Errorf("signed text\n%q, want\n%q", text, want)
	}
}

func TestFCTextHasTheQueryOnlyForTriggers(t *testing.T) {
	r := httptest.NewRequest("GET", "/2016-08-15/proxy/a%20b/?z=1&a=x+y", nil)
	r.Header = http.Header{"Date": {"Fri, 02 Jan 2026 03:04:05 GMT"}, "X-Fc-Log-Type": {"Tail"}, "X-Fc-Account-Id": {"1"}}
	head := "GET\n\n\nFri, 02 Jan 2026 03:04:05 GMT\nx-fc-account-id:1\nx-fc-log-type:Tail\n/2016-08-15/proxy/a b/"
	for trigger, want := range map[bool]string{false: head, true: head + "\na=x y\nz=1"} {
		text, ok := fcText(r, "/2016-08-15/proxy/a b/", trigger)
		if !ok || string(text) != want {
			t.Errorf("trigger %v: signed text\n%q, want\n%q", trigger, text, want)
		}
	}
}

func TestEverySchemeVerifiesWhatItSigned(t *testing.T) {
	for _, scheme := range []Scheme{ACS3, ROA, FC} {
		for _, target := range []string{
			"/", "/2023-03-30/functions/a%2Fb/invocations?qualifier=", "/x/%E4%BD%A0?tags=%5B%7B%22Key%22%3A%22k%22%7D%5D&b",
		} {
			r := httptest.NewRequest("PUT", target, nil)
			r.Header.Set("Content-Type", "application/json")
			Sign(r, Credentials{testKey, testSecret, "T"}, SignOptions{Scheme: scheme, Action: "X", Trigger: true})
			s, err := ParseTriggerSignature(r)
			if err != nil {
				t.Fatalf("scheme %d %s: %v", scheme, target, err)
			}
			if err := s.Verify(testSecret); err != nil {
				t.Errorf("scheme %d %s: %v", scheme, target, err)
			}
			if s.SecurityToken != "T" || time.Since(s.Date) > time.Minute {
				t.Errorf("scheme %d: parsed %+v", scheme, s)
			}
			r.Method = "POST"
			if s.Verify(testSecret) == nil {
				t.Errorf("scheme %d: another method was accepted", scheme)
			}
		}
	}
}

func TestSignaturesOfOlderSchemesThatAreMalformed(t *testing.T) {
	for _, auth := range []string{"acs AKID", "acs :x", "acs AKID:", "FC ", "FC AKID"} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", auth)
		r.Header.Set("Date", "Fri, 02 Jan 2026 03:04:05 GMT")
		_, err := ParseSignature(r)
		wantCode(t, err, CodeSignatureNotMatch)
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "acs AKID:x")
	_, err := ParseSignature(r)
	wantCode(t, err, CodeMissingRequiredHeader)
}

func TestBodyIsComparedAtItsEnd(t *testing.T) {
	s := &Signature{ContentSHA256: SHA256Text([]byte("hello"))}
	if got, err := io.ReadAll(s.Body(strings.NewReader("hello"))); err != nil || string(got) != "hello" {
		t.Errorf("read %q, %v", got, err)
	}
	_, err := io.ReadAll(s.Body(strings.NewReader("hellO")))
	wantCode(t, err, CodeSignatureNotMatch)
	wantCode(t, s.CheckBody(nil), CodeSignatureNotMatch)
	if _, err := io.ReadAll((&Signature{}).Body(strings.NewReader("any"))); err != nil {
		t.Errorf("a body whose hash is not signed: %v", err)
	}
}

func TestContentMD5InBothForms(t *testing.T) {
	for _, md5 := range []string{"XUFAKrxLKna5cZ2REBfFkg==", "NWQ0MTQwMmFiYzRiMmE3NmI5NzE5ZDkxMTAxN2M1OTI="} {
		s := &Signature{ContentMD5: md5}
		if err := s.CheckBody([]byte("hello")); err != nil {
			t.Error(err)
		}
		wantCode(t, s.CheckBody([]byte("other")), CodeSignatureNotMatch)
	}
}

func TestTriggersTakeWhatTheSamplesSign(t *testing.T) {
	for _, hash := range []string{"", emptySHA256} {
		r := httptest.NewRequest("POST", "/hello?a=1", strings.NewReader("body"))
		r.Header.Set("X-Acs-Date", "2026-01-02T03:04:05Z")
		r.Header.Set("X-Acs-Security-Token", "")
		const signed = "x-acs-date;x-acs-security-token"
		sig, _ := acs3Signature(r, signed, hash, testSecret)
		r.Header.Set("Authorization", "ACS3-HMAC-SHA256 Credential=AKID,SignedHeaders="+signed+",Signature="+string(sig[:]))
		s, err := ParseTriggerSignature(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Verify(testSecret); err != nil {
			t.Error(err)
		}
		if err := s.CheckBody([]byte("body")); err != nil {
			t.Errorf("the body is not signed: %v", err)
		}
		_, err = ParseSignature(r)
		wantCode(t, err, CodeMissingRequiredHeader)

		r.URL.RawQuery = "a=2"
		wantCode(t, s.Verify(testSecret), CodeSignatureNotMatch)
		r.Header.Set("X-Acs-More", "1")
		_, err = ParseTriggerSignature(r)
		wantCode(t, err, CodeSignatureNotMatch)
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("X-Acs-Date", "2026-01-02T03:04:05Z")
	r.Header.Set("Authorization", "ACS3-HMAC-SHA256 Credential=AKID,SignedHeaders=host,Signature=x")
	_, err := ParseTriggerSignature(r)
	wantCode(t, err, CodeSignatureNotMatch)
}

func TestVerifyAllocatesLittle(t *testing.T) {
	r := vector()
	n := testing.AllocsPerRun(100, func() {
		s, err := ParseSignature(r)
		if err != nil || s.Verify(testSecret) != nil {
			t.Fatal("not verified")
		}
	})
	// The signature, what hmac needs, and the query's escaped value.
	if n > 12 {
		t.Errorf("%v allocations for one signature", n)
	}
	t.Logf("%v allocations", n)
}

func BenchmarkVerify(b *testing.B) {
	r := vector()
	b.ReportAllocs()
	for b.Loop() {
		s, err := ParseSignature(r)
		if err != nil || s.Verify(testSecret) != nil {
			b.Fatal("not verified")
		}
	}
}
