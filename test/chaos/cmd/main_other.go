//go:build !linux

// Command cmd makes faults on real servers; see main_linux.go.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Println("skipped: needs Linux, for network namespaces")
	os.Exit(77)
}
