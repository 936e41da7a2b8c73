// Package admin writes the answers to ZooKeeper's four-letter words, and to
// ClickHouse Keeper's csnp, which asks for a snapshot. It formats published
// values and nothing else: it reads no tree, takes no lock of the server and
// opens no socket, so that a monitoring system can never slow a server down by
// more than the cost of the text.
//
//	client port ──first four bytes──▶ Lookup ──▶ Words.Answer(dst, word, src)
//	                                                 │
//	      srvr stat mntr ◀── Source.Server ──────────┤
//	      cons stat dump ◀── Source.Conns  ──────────┤
//	      wchs wchc wchp ◀── Source.Watches ─────────┤
//	      conf dirs hash ◀── Source.Conf, Dirs ... ──┘
//
// The formats are ZooKeeper's to the byte, since exporters, health checks and
// client libraries take them apart with regular expressions. Two rules decide
// before any value is asked for:
//
//   - A1: a word that is not in the whitelist is refused by name. Without a
//     whitelist only srvr is answered.
//   - A2: while the server does not serve, every word but ruok, isro, envi,
//     gtmk and stmk answers one fixed sentence. ruok says that the process
//     lives, not that it serves; isro answers null.
//
// Output is deterministic: lists come out in the order that Source gives them.
package admin
