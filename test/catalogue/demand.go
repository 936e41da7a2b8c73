package catalogue

import (
	"slices"
	"strings"
)

// Enforced has the plain test fail, and not only tell, when a row is missing or
// the document is not up to date.
const Enforced = true

// demanded lists the ids of the reference's catalogue. Bugs that share a line
// there are one row here, named after the first.
var demanded = strings.Fields(`
ZK-4685 ZK-4646 ZK-4643 ZK-4785 ZK-3911 ZK-3023 ZK-4394 ZK-4925 ZK-4882 ZK-3104
ZK-3642 ZK-2872 ZK-2845 ZK-2832 ZK-2846 ZK-1154 ZK-3526 ZK-4352 ZK-5010 ZK-2355
ZK-4837 ZK-2678 ZK-1697 ZAB-Q1 ZAB-Q2 ZAB-Q3

ZK-335 ZK-1653 ZK-2307 ZK-4269 ZK-582 ZK-1277 ZK-4883 ZK-1818 ZK-1419 ZK-3109
ZK-3756 ZK-4787 ZK-3829 ZK-2080 operator-94

ZK-3701 ZK-1489 ZK-3231 ZK-2325 ZK-2332 ZK-3082 ZK-2623 ZK-4306 ZK-3127 ZK-3144
ZK-3306 ZK-1367 etcd-13766 etcd-14370 etcd-14685 etcd-20271 CHK-102629 CHK-36910
HBASE-22539

HBASE-25984 HBASE-25998 HBASE-26042 HBASE-27231 CRDB-10206 ZK-2201 ZK-4074
ZK-2380 ZK-4712 ZK-4537 ZK-1863 ZK-2224 ZK-4736 CHK-118416 NuRaft-190

etcd-15247 CHK-121361 CHK-110179 CHK-114401 CHK-54572 CHK-65198 CHK-98499
CHK-115457 CHK-115475 etcd-15271 etcd-17780 etcd-20418 ZK-706 ZK-2184 go-zk-159

S-3.7-a S-3.7-b S-3.7-c S-3.7-d S-3.7-e
`)

// excused are ids without a row, and why.
var excused = map[string]string{}

// Missing returns the ids that are demanded, not excused, and have no row.
func Missing(rows []Row) []string {
	var missing []string
	for _, id := range demanded {
		has := slices.ContainsFunc(rows, func(r Row) bool { return r.ID == id })
		if !has && excused[id] == "" {
			missing = append(missing, id)
		}
	}
	return missing
}
