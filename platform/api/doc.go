// Package api is Function Compute 3.0 as it looks on the wire: JSON shapes and
// their limits, the operations and their paths, signatures and the error body.
// It knows no storage and no platform; what a request does is the front door's.
package api

// Version is the API version every path begins with.
const Version = "2023-03-30"
