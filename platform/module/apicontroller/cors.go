package apicontroller

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/fcstack/fcstack/platform/fc"
)

// isPreflight tells whether a browser asks, before the request itself, if it may.
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header["Origin"] != nil && r.Header["Access-Control-Request-Method"] != nil
}

// answerPreflight answers for a trigger. Without a configuration of its own a trigger
// may be called from everywhere with the methods it has.
func answerPreflight(x *exchange, t *fc.HTTPTrigger) {
	out := x.w.Header()
	origin := x.r.Header.Get("Origin")
	x.identify(out)
	setCORS(out, t.CORS, origin)
	if out["Access-Control-Allow-Origin"] != nil {
		methods, headers, age := t.Methods, []string{"*"}, 0
		if cors := t.CORS; cors != nil {
			headers, age = cors.AllowHeaders, cors.MaxAge
			if len(cors.AllowMethods) > 0 {
				methods = cors.AllowMethods
			}
		}
		out.Set("Access-Control-Allow-Methods", strings.Join(methods, ", "))
		setList(out, "Access-Control-Allow-Headers", headers)
		if age > 0 {
			out.Set("Access-Control-Max-Age", strconv.Itoa(age))
		}
	}
	x.begin(http.StatusNoContent)
}

// setCORS adds what lets the page at origin read an answer; what the function set wins.
func setCORS(out http.Header, cors *fc.CORS, origin string) {
	if origin == "" || out["Access-Control-Allow-Origin"] != nil {
		return
	}
	if cors == nil {
		out["Access-Control-Allow-Origin"] = []string{"*"}
		return
	}
	out.Add("Vary", "Origin")
	if !allows(cors.AllowOrigins, origin) {
		return
	}
	out.Set("Access-Control-Allow-Origin", origin)
	if cors.AllowCredentials {
		out.Set("Access-Control-Allow-Credentials", "true")
	}
	setList(out, "Access-Control-Expose-Headers", cors.ExposeHeaders)
}

// allows takes "*" for every origin, and one star in an entry for any text.
func allows(list []string, origin string) bool {
	return slices.ContainsFunc(list, func(allowed string) bool {
		before, after, star := strings.Cut(allowed, "*")
		if !star {
			return strings.EqualFold(allowed, origin)
		}
		return len(origin) >= len(before)+len(after) && strings.HasPrefix(origin, before) && strings.HasSuffix(origin, after)
	})
}

func setList(out http.Header, name string, values []string) {
	if len(values) > 0 {
		out.Set(name, strings.Join(values, ", "))
	}
}
