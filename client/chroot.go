package client

import "strings"

// outbound returns the server's name for a path of the caller.
func (c *Client) outbound(path string) string {
	switch {
	case c.opt.chroot == "":
		return path
	case path == "/":
		return c.opt.chroot
	}
	return c.opt.chroot + path
}

// inbound returns the caller's name for a path of the server.
func (c *Client) inbound(path string) string {
	rest, ok := strings.CutPrefix(path, c.opt.chroot)
	switch {
	case !ok:
		return path
	case rest == "":
		return "/"
	}
	return rest
}
