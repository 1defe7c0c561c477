package api

import (
	"fmt"
	"slices"
	"testing"

	sdk "github.com/alibabacloud-go/fc-20230330/v4/client"

	"github.com/fcstack/fcstack/e2e/harness"
)

// pages lists all functions with a prefix, limit a page; between is called after each page.
func pages(t *testing.T, c *sdk.Client, prefix string, limit int32, between func(page int)) []string {
	t.Helper()
	var names []string
	var token *string
	for page := 0; ; page++ {
		out, err := c.ListFunctions(&sdk.ListFunctionsRequest{Prefix: &prefix, Limit: &limit, NextToken: token})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Body.Functions) > int(limit) {
			t.Fatalf("page %d has %d functions, the limit is %d", page, len(out.Body.Functions), limit)
		}
		for _, f := range out.Body.Functions {
			names = append(names, *f.FunctionName)
		}
		if token = out.Body.NextToken; token == nil || *token == "" {
			return names
		}
		between(page)
	}
}

func TestAListHasEveryFunctionOnceInOrder(t *testing.T) {
	p := harness.Shared(t)
	c := harness.SDK(t, p)
	prefix := harness.Name(t) + "-"
	var want []string
	for i := range 11 {
		in := script("list")
		in.FunctionName = new(fmt.Sprintf("%s%02d", prefix, i))
		want = append(want, harness.Create(t, p, in))
	}
	for _, limit := range []int32{1, 4, 11, 100} {
		t.Run(fmt.Sprintf("%d a page", limit), func(t *testing.T) {
			if got := pages(t, c, prefix, limit, func(int) {}); !slices.Equal(got, want) {
				t.Errorf("listed %v, want %v", got, want)
			}
		})
	}
	t.Run("while functions come and go", func(t *testing.T) {
		got := pages(t, c, prefix, 2, func(page int) {
			in := script("list")
			in.FunctionName = new(fmt.Sprintf("%s%02dx", prefix, page))
			harness.Create(t, p, in)
			if page == 1 { // the last of the page just read, so its token names what is gone
				harness.Remove(t, p, prefix+"03")
			}
		})
		for _, name := range want {
			if n := count(got, name); n != 1 {
				t.Errorf("%s is listed %d times", name, n)
			}
		}
		if !slices.IsSorted(got) {
			t.Errorf("not in order: %v", got)
		}
	})
}

func count(names []string, name string) (n int) {
	for _, s := range names {
		if s == name {
			n++
		}
	}
	return n
}

func TestAListRefusesABadLimit(t *testing.T) {
	c := harness.SDK(t, harness.Shared(t))
	for _, limit := range []int32{0, -1, 101} {
		_, err := c.ListFunctions(&sdk.ListFunctionsRequest{Limit: &limit})
		if got := harness.ErrorOf(err); got.Status != 400 || got.Code != "InvalidArgument" {
			t.Errorf("limit %d answers %+v", limit, got)
		}
	}
}
