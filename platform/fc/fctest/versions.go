package fctest

import (
	"fmt"
	"sync"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
)

// Account owns the functions of the suites.
const Account = "1234567890123456"

// Version makes a version of a function with the given concurrency.
func Version(function string, concurrency int) *fc.Version {
	return &fc.Version{
		Function: fc.Function{
			Account: Account, Name: function, Runtime: "custom", CPU: 1, MemoryMB: 128, DiskMB: 512,
			Timeout: 3 * time.Second, Concurrency: concurrency, Revision: 1,
		},
		Version: fc.Latest, Qualifier: fc.Latest,
	}
}

// Versions resolves references as a view does.
type Versions struct {
	mu  sync.Mutex
	now map[string]*fc.Version
}

// Put makes v the present state of its function.
func (s *Versions) Put(v *fc.Version) *fc.Version {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now == nil {
		s.now = map[string]*fc.Version{}
	}
	s.now[v.Name] = v
	return v
}

// Delete takes away a function.
func (s *Versions) Delete(function string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.now, function)
}

// Now is the present state of a function; nil: there is none.
func (s *Versions) Now(function string) *fc.Version {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now[function]
}

// Resolve finds the version that r names.
func (s *Versions) Resolve(r fc.VersionRef) (*fc.Version, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.now[r.Function]
	switch {
	case v == nil:
		return nil, fmt.Errorf("resolve %s: %w", r, fc.ErrFunctionNotFound)
	case v.Ref() != r:
		return nil, fmt.Errorf("resolve %s: %w", r, fc.ErrStale)
	}
	return v, nil
}
