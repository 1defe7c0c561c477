package api

import (
	"math"
)

// What a function gets for members that are not given.
const (
	DefaultMemorySize          = 512 // MB
	DefaultDiskSize            = 512 // MB
	DefaultTimeout             = 3   // seconds
	DefaultInstanceConcurrency = 1
	DefaultPort                = 9000
)

// DefaultCPU is the vCPU a function of a memory size gets: 0.7 for each GB, up to
// the next step of 0.05. For the default memory that is 0.35.
func DefaultCPU(memorySize int) float64 {
	steps := math.Ceil(float64(memorySize)/1024*0.7*20 - 1e-9)
	return min(max(steps, 1), 320) / 20
}

// DefaultMemory is the memory in MB a function of a number of vCPU gets.
func DefaultMemory(cpu float64) int {
	if inProportion(cpu, DefaultMemorySize) {
		return DefaultMemorySize
	}
	steps := math.Ceil(cpu / 0.7 * 1024 / 64)
	return min(max(int(steps)*64, 128), 32768)
}

// Defaults fills in the sizes that were not given, each to fit the others.
func (s *FunctionSettings) Defaults() {
	switch {
	case s.CPU == nil && s.MemorySize == nil:
		s.MemorySize = ptr(DefaultMemorySize)
		s.CPU = ptr(DefaultCPU(DefaultMemorySize))
	case s.CPU == nil:
		s.CPU = ptr(DefaultCPU(*s.MemorySize))
	case s.MemorySize == nil:
		s.MemorySize = ptr(DefaultMemory(*s.CPU))
	}
	setDefault(&s.DiskSize, DefaultDiskSize)
	setDefault(&s.Timeout, DefaultTimeout)
	setDefault(&s.InstanceConcurrency, DefaultInstanceConcurrency)
	setDefault(&s.InternetAccess, true)
}

func setDefault[T any](p **T, v T) {
	if *p == nil {
		*p = &v
	}
}

func ptr[T any](v T) *T { return &v }

// RoundCPU drops what a client's single-precision number adds to a step of 0.05.
func RoundCPU(cpu float64) float64 { return math.Round(cpu*20) / 20 }

// ValidateResources checks what depends on more than one member of a function.
func ValidateResources(runtime string, cpu float64, memorySize, concurrency int) error {
	if !inProportion(cpu, memorySize) {
		return InvalidArgument("cpu", "%v vCPU to %d MB of memory is not between 1:1 and 1:4 (vCPU to GB)", cpu, memorySize)
	}
	if concurrency > 1 && !IsCustomRuntime(runtime) {
		return InvalidArgument("instanceConcurrency", "%d: runtime %s serves one request at a time, only custom runtimes serve more", concurrency, runtime)
	}
	return nil
}

func inProportion(cpu float64, memorySize int) bool {
	gb := float64(memorySize) / 1024
	return gb >= cpu-1e-6 && gb <= 4*cpu+1e-6
}
