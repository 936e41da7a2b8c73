// Package gozk runs the acceptance scenario through github.com/go-zookeeper/zk,
// the Go client that most programs use.
package gozk
