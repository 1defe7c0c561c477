package apicontroller

import (
	"net/http"
	"time"

	"github.com/fcstack/fcstack/platform/api"
	"github.com/fcstack/fcstack/platform/fc"
)

// maxSkew is how far a request's date may be from the server's clock.
const maxSkew = 15 * time.Minute

// authenticate finds out who sent a request and that nothing between changed it. The
// body is not covered yet: what is read of it is compared with the signature's hash.
func (c *Controller) authenticate(r *http.Request, trigger bool) (*api.Signature, *fc.AccessKey, error) {
	parse := api.ParseSignature
	if trigger {
		parse = api.ParseTriggerSignature
	}
	sig, err := parse(r)
	if err != nil {
		return nil, nil, err
	}
	key, ok := c.deps.View.AccessKey(sig.AccessKeyID)
	if !ok {
		return nil, nil, api.Errorf(api.CodeInvalidAccessKeyID, "access key %q does not exist", sig.AccessKeyID)
	}
	if key.Disabled {
		return nil, nil, api.Errorf(api.CodeInvalidAccessKeyID, "access key %q is disabled", sig.AccessKeyID)
	}
	if sig.SecurityToken != "" {
		return nil, nil, api.Errorf(api.CodeInvalidAccessKeyID, "the security token does not belong to access key %q: it is not a temporary one", sig.AccessKeyID)
	}
	if err := sig.Verify(key.Secret); err != nil {
		return nil, nil, err
	}
	now := c.now()
	if skew := now.Sub(sig.Date); skew > maxSkew || skew < -maxSkew {
		return nil, nil, api.Errorf(api.CodeSignatureNotMatch, "the request is dated %s, more than %s from the server's clock, %s",
			sig.Date.UTC().Format(timeLayout), maxSkew, now.UTC().Format(timeLayout))
	}
	if sig.Nonce != "" && !c.nonces.Fresh(sig.AccessKeyID, sig.Nonce, sig.Date) {
		return nil, nil, api.Errorf(api.CodeSignatureNotMatch, "the request's nonce was used before, or its date is too old to tell")
	}
	return sig, key, nil
}
