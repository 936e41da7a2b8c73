package vfs

import (
	"errors"
	"fmt"
)

var errOtherDir = errors.New("names in different directories")

// TooLargeError is returned by ReadFile.
type TooLargeError struct {
	Name        string
	Size, Limit int64 // bytes
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("%s has %d bytes, at most %d are expected", e.Name, e.Size, e.Limit)
}
