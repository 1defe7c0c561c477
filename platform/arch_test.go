// Package platform holds no code: its test keeps the import table of the repository.
// A wrong arrow between packages is a failed test here, not a review comment.
package platform_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/fcstack/fcstack/"

// A rule says what the production code of some packages may import from this
// module. In of and may a "*" stands for one path element and "/..." for a whole
// subtree, the root included; "$1" in may is what the first "*" of of matched.
// The first rule that matches a package is the one that holds for it.
type rule struct {
	of  string
	may []string
	// test is what the test files of these packages may import besides.
	test []string
}

// doubles are the suites and the embedded or fake technologies: what tests use
// in place of a mock.
var doubles = []string{
	"platform/fc/fctest",
	"platform/backend/metadata/metadatatest", "platform/backend/metadata/sqlstore",
	"platform/backend/coordination/coordinationtest", "platform/backend/coordination/etcd",
	"platform/backend/queue/queuetest", "platform/backend/queue/sqlite",
	"platform/backend/queueattr/queueattrtest", "platform/backend/queueattr/etcd",
	"platform/backend/objectstore/objectstoretest", "platform/backend/objectstore/dir",
	"platform/backend/logstore/logstoretest", "platform/backend/logstore/sqlitefts",
	"platform/backend/sharedfs/sharedfstest", "platform/backend/sharedfs/dir",
	"platform/backend/sandbox/sandboxtest", "platform/backend/sandbox/fake", "platform/backend/sandbox/process",
}

var table = []rule{
	{of: "platform/fc/fctest", may: []string{"platform/fc", "platform/kit/..."}},
	{of: "platform/fc/..."},
	{of: "platform/api/...", test: []string{"platform/fc"}},
	{of: "platform/kit/*/..."},
	{of: "platform/client/...", may: []string{"platform/api", "platform/fc"}},
	{of: "platform/backend/*", may: []string{"platform/fc"}, test: doubles},
	{of: "platform/backend/*/*/...", may: []string{"platform/backend/$1", "platform/fc", "platform/kit/..."}, test: doubles},
	{of: "platform/view/...", may: []string{
		"platform/fc", "platform/backend/metadata", "platform/backend/coordination", "platform/kit/...",
	}, test: doubles},
	{of: "platform/invoke/...", may: []string{
		"platform/fc", "platform/view", "platform/backend/objectstore", "platform/kit/...",
	}, test: append([]string{"platform/backend/metadata", "platform/backend/coordination"}, doubles...)},
	{of: "platform/deploy/...", may: []string{"charts/...", "platform/kit/..."}},
	{of: "platform/module/devcontroller/...", may: append([]string{"platform/deploy/..."}, modules...), test: doubles},
	{of: "platform/module/*/...", may: modules, test: doubles},
	{of: "platform/wire/...", may: []string{"platform/fc", "platform/kit/..."}, test: doubles},
	{of: "platform/app/...", may: []string{
		"platform/fc", "platform/api", "platform/kit/...", "platform/client", "platform/backend/...", "platform/view",
		"platform/invoke", "platform/deploy/...", "platform/module/...", "platform/wire/...",
	}, test: doubles},
	{of: "platform/cmd/fc", may: []string{"platform/app", "platform/client"}},
	{of: "charts/..."},
	{of: "provider/...", may: []string{"platform/client", "platform/api"}, test: []string{"e2e/harness"}},
	{of: "installer/...", may: []string{"platform/client", "platform/api", "platform/deploy/...", "charts/..."}, test: []string{"e2e/harness"}},
	{of: "e2e/...", may: []string{"platform/client", "platform/api"}},
	{of: "examples/..."},
}

// modules is what each of the eight may import. No module is in it.
var modules = []string{
	"platform/fc", "platform/api", "platform/view", "platform/invoke", "platform/backend/*", "platform/kit/...",
}

// vendors says which packages may use a library directly. A library that is not
// here may be used by anyone but fc and api, which have the standard library only.
var vendors = []struct {
	library string
	in      []string
}{
	{"go.etcd.io/", []string{"platform/backend/coordination/etcd/...", "platform/backend/queueattr/etcd/..."}},
	{"github.com/uptrace/bun", []string{"platform/backend/metadata/sqlstore/..."}},
	{"github.com/pressly/goose", []string{"platform/backend/metadata/sqlstore/...", "platform/backend/queue/sqlite/...", "platform/backend/logstore/sqlitefts/..."}},
	{"modernc.org/sqlite", []string{"platform/backend/metadata/sqlstore/...", "platform/backend/queue/sqlite/...", "platform/backend/logstore/sqlitefts/..."}},
	{"github.com/go-sql-driver/mysql", []string{"platform/backend/metadata/sqlstore/..."}},
	{"github.com/apache/rocketmq", []string{"platform/backend/queue/rocketmq/..."}},
	{"github.com/go-zookeeper/", []string{"platform/backend/queueattr/zookeeper/..."}},
	{"github.com/minio/", []string{"platform/backend/objectstore/s3/..."}},
	{"github.com/elastic/", []string{"platform/backend/logstore/elasticsearch/..."}},
	{"github.com/docker/", []string{"platform/backend/sandbox/docker/..."}},
	{"github.com/twmb/franz-go", []string{"platform/module/kafkaconnector/..."}},
	{"google.golang.org/grpc", []string{"platform/wire/..."}},
	{"google.golang.org/protobuf", []string{"platform/wire/..."}},
	{"helm.sh/", []string{"platform/deploy/..."}},
	{"k8s.io/", []string{"platform/deploy/...", "platform/backend/sandbox/kubernetes/..."}},
	{"github.com/spf13/", []string{"platform/cmd/fc", "platform/app/...", "installer/..."}},
	{"github.com/hashicorp/terraform-", []string{"provider/..."}},
	{"github.com/alibabacloud-go/", []string{"provider/internal/fcapi/...", "e2e/..."}},
	{"github.com/coder/websocket", []string{"e2e/..."}},
	{"github.com/aliyun/fc-runtime-go-sdk", []string{"e2e/functions/..."}},
}

// testVendors may be used by the test files of any package.
var testVendors = []string{"github.com/alibabacloud-go/", "github.com/coder/websocket", "github.com/google/go-cmp"}

// pkg is the part of `go list -json` that the table is about.
type pkg struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func TestImportsFollowTheTable(t *testing.T) {
	dependOnSources(t)
	for _, goos := range []string{"linux", "darwin"} {
		t.Run(goos, func(t *testing.T) {
			pkgs := list(t, goos)
			if len(pkgs) == 0 {
				t.Fatal("go list found no packages")
			}
			for _, p := range pkgs {
				for _, wrong := range check(p) {
					t.Error(wrong)
				}
			}
		})
	}
}

func TestAWrongArrowIsFound(t *testing.T) {
	tests := []struct {
		name string
		pkg  pkg
		want int
	}{
		{"fc imports the standard library", pkg{ImportPath: "platform/fc", Imports: []string{"time"}}, 0},
		{"fc imports the API's shapes", pkg{ImportPath: "platform/fc", Imports: []string{module + "platform/api"}}, 1},
		{"fc imports a vendor library", pkg{ImportPath: "platform/fc", Imports: []string{"golang.org/x/sync/errgroup"}}, 1},
		{"a module imports another", pkg{ImportPath: "platform/module/mns", Imports: []string{module + "platform/module/nodeagent"}}, 1},
		{"a module imports its own part", pkg{ImportPath: "platform/module/mns", Imports: []string{module + "platform/module/mns/topic"}}, 0},
		{"a module imports a kind", pkg{ImportPath: "platform/module/mns", Imports: []string{module + "platform/backend/queue"}}, 0},
		{"a module imports a technology", pkg{ImportPath: "platform/module/mns", Imports: []string{module + "platform/backend/queue/sqlite"}}, 1},
		{"a module's test imports a technology", pkg{ImportPath: "platform/module/mns", TestImports: []string{module + "platform/backend/queue/sqlite"}}, 0},
		{"a module's test imports another module", pkg{ImportPath: "platform/module/mns", XTestImports: []string{module + "platform/module/nodeagent"}}, 1},
		{"only the dev controller deploys", pkg{ImportPath: "platform/module/mns", Imports: []string{module + "platform/deploy"}}, 1},
		{"a technology imports its kind", pkg{ImportPath: "platform/backend/queue/sqlite", Imports: []string{module + "platform/backend/queue"}}, 0},
		{"a technology imports another kind", pkg{ImportPath: "platform/backend/queue/sqlite", Imports: []string{module + "platform/backend/metadata"}}, 1},
		{"etcd outside its folder", pkg{ImportPath: "platform/view", Imports: []string{"go.etcd.io/etcd/client/v3"}}, 1},
		{"the SDK in a test", pkg{ImportPath: "platform/app", TestImports: []string{"github.com/alibabacloud-go/fc-20230330/v4/client"}}, 0},
		{"the SDK in production code", pkg{ImportPath: "platform/app", Imports: []string{"github.com/alibabacloud-go/fc-20230330/v4/client"}}, 1},
		{"a package nobody knows", pkg{ImportPath: "platform/util"}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.pkg.ImportPath = module + tt.pkg.ImportPath
			if got := check(tt.pkg); len(got) != tt.want {
				t.Errorf("found %d wrong arrows, want %d: %v", len(got), tt.want, got)
			}
		})
	}
}

// dependOnSources reads every source folder, so that a cached result of this test is
// used only while nothing in them has changed. What go list reads is not tracked.
func dependOnSources(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && path != ".." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "build" || d.Name() == "bin") {
			return filepath.SkipDir
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// list asks the go command for every package of this module as goos sees it.
func list(t *testing.T, goos string) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.Bytes())
	}
	var pkgs []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); err == io.EOF {
			return pkgs
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		pkgs = append(pkgs, p)
	}
}

// check returns a sentence for each import of p that the table does not allow.
func check(p pkg) []string {
	path := strings.TrimPrefix(p.ImportPath, module)
	if path == "platform" {
		return nil
	}
	i := slices.IndexFunc(table, func(r rule) bool { _, ok := match(r.of, path); return ok })
	if i < 0 {
		return []string{fmt.Sprintf("%s has no line in the import table", path)}
	}
	var wrong []string
	for _, imp := range p.Imports {
		wrong = append(wrong, arrow(table[i], path, imp, false)...)
	}
	for _, imp := range slices.Concat(p.TestImports, p.XTestImports) {
		wrong = append(wrong, arrow(table[i], path, imp, true)...)
	}
	return wrong
}

// arrow judges one import of the package at path, to which r applies.
func arrow(r rule, path, imp string, test bool) []string {
	target, own := strings.CutPrefix(imp, module)
	switch {
	case own && allowed(r, path, target, test):
		return nil
	case own:
		return []string{fmt.Sprintf("%s may not import %s", path, target)}
	case !strings.Contains(strings.SplitN(imp, "/", 2)[0], "."):
		return nil // the standard library
	case test && slices.ContainsFunc(testVendors, func(v string) bool { return strings.HasPrefix(imp, v) }):
		return nil
	case path == "platform/fc" || path == "platform/api":
		return []string{fmt.Sprintf("%s may use the standard library only, not %s", path, imp)}
	}
	for _, v := range vendors {
		if strings.HasPrefix(imp, v.library) && !matchAny(v.in, path) {
			return []string{fmt.Sprintf("%s may not use %s: it belongs to %s", path, imp, strings.Join(v.in, ", "))}
		}
	}
	return nil
}

// allowed says whether path may import target: its own rule names it, or both
// are parts of the same unit, which is all that one instance of the rule matches.
func allowed(r rule, path, target string, test bool) bool {
	captured, _ := match(r.of, path)
	if of, ok := match(r.of, target); ok && slices.Equal(of, captured) {
		return true
	}
	may := r.may
	if test {
		may = slices.Concat(r.may, r.test)
	}
	for _, m := range may {
		if len(captured) > 0 {
			m = strings.ReplaceAll(m, "$1", captured[0])
		}
		if _, ok := match(m, target); ok {
			return true
		}
	}
	return false
}

func matchAny(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { _, ok := match(p, path); return ok })
}

// match says whether path fits the pattern, and what each "*" of it stood for.
func match(pattern, path string) (captured []string, ok bool) {
	pattern, tree := strings.CutSuffix(pattern, "/...")
	want, have := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(have) < len(want) || len(have) > len(want) && !tree {
		return nil, false
	}
	for i, w := range want {
		switch {
		case w == "*":
			captured = append(captured, have[i])
		case w != have[i]:
			return nil, false
		}
	}
	return captured, true
}
