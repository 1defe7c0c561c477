package provider_test

import (
	"net/http"
	"testing"

	"github.com/fcstack/fcstack/platform/api"
)

// stored is a function whose code is an object in the store.
func stored(t *testing.T, name string, more object) object {
	code := object{"oss_bucket_name": "releases", "oss_object_name": name}
	for key, value := range more {
		code[key] = value
	}
	return function(t, object{"package_dir": nil, "code": code})
}

func TestObjectInTheStoreIsDeployedOnce(t *testing.T) {
	clean(t)
	fake := startFake(t)
	fake.objects = map[string][]byte{"releases/1.zip": []byte("one"), "releases/2.zip": []byte("two")}
	s := configured(t, fake.URL)
	config := stored(t, "1.zip", nil)
	first := s.plan(s.fresh("fc_function"), config)
	s.must(first.Diagnostics)
	if got := text(t, s.decode("fc_function", first.PlannedState), "code_checksum"); got != "<unknown>" {
		t.Errorf("the checksum of an object is planned as %s", got)
	}
	there, diags := s.apply(first)
	s.must(diags)
	s.wantEmpty(t, there, config)

	t.Run("another object is deployed", func(t *testing.T) {
		after, diags := s.apply(s.plan(there, stored(t, "2.zip", nil)))
		s.must(diags)
		if got := text(t, s.values(after), "code_checksum"); got != api.Checksum([]byte("two")) {
			t.Errorf("the checksum is %s", got)
		}
		there, config = after, stored(t, "2.zip", nil)
	})
	t.Run("code that was changed on the server is put back", func(t *testing.T) {
		fake.functions["hello"].CodeChecksum = "7"
		there, diags := s.refresh(there)
		s.must(diags)
		after, diags := s.apply(s.plan(there, config))
		s.must(diags)
		if got := text(t, s.values(after), "code_checksum"); got != api.Checksum([]byte("two")) {
			t.Errorf("the checksum is %s", got)
		}
		s.wantEmpty(t, after, config)
	})
	t.Run("other settings send no code", func(t *testing.T) {
		changed := stored(t, "2.zip", nil)
		changed["timeout"] = 9
		_, diags := s.apply(s.plan(there, changed))
		s.must(diags)
		if sent := fake.last(t, http.MethodPut).body["code"]; sent != nil {
			t.Errorf("code was sent: %v", sent)
		}
	})
}

func TestChecksumOfAnObjectTellsOfANewOne(t *testing.T) {
	clean(t)
	fake := startFake(t)
	fake.objects = map[string][]byte{"releases/latest.zip": []byte("one")}
	s := configured(t, fake.URL)
	there, diags := s.apply(s.plan(s.fresh("fc_function"), stored(t, "latest.zip", object{"checksum": api.Checksum([]byte("one"))})))
	s.must(diags)

	fake.objects["releases/latest.zip"] = []byte("two")
	config := stored(t, "latest.zip", object{"checksum": api.Checksum([]byte("two"))})
	after, diags := s.apply(s.plan(there, config))
	s.must(diags)
	s.wantEmpty(t, after, config)

	t.Run("a checksum that is not the object's is an error", func(t *testing.T) {
		_, diags := s.apply(s.plan(after, stored(t, "latest.zip", object{"checksum": "5"})))
		wantError(t, diags, "code_checksum", "5")
	})
}
