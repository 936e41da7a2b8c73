package admin

import (
	"cmp"
	"slices"
)

func appendWchs(dst []byte, src Source) []byte {
	w := src.Server().Watches
	dst = line(dst, itoa(int64(w.Conns)), " connections watching ", itoa(int64(w.Paths)), " paths")
	return line(dst, "Total watches:", itoa(int64(w.Total)))
}

// appendWchc lists the watched paths of every session.
func appendWchc(dst []byte, src Source) []byte {
	all := src.Watches()
	slices.SortStableFunc(all, func(a, b Watch) int { return cmp.Compare(uint64(a.Session), uint64(b.Session)) })
	for i, w := range all {
		if i == 0 || all[i-1].Session != w.Session {
			dst = line(dst, w.Session.String())
		}
		dst = line(dst, "\t", w.Path)
	}
	return append(dst, '\n')
}

// appendWchp lists the watching sessions of every path.
func appendWchp(dst []byte, src Source) []byte {
	all := src.Watches()
	for i, w := range all {
		if i == 0 || all[i-1].Path != w.Path {
			dst = line(dst, w.Path)
		}
		dst = line(dst, "\t", w.Session.String())
	}
	return append(dst, '\n')
}
