package admin

// appendConf writes the configuration. The membership's text ends the answer
// without a newline, as ZooKeeper's does.
func appendConf(dst []byte, src Source) []byte {
	c := src.Conf()
	for _, p := range c.Pairs {
		dst = line(dst, p.Key, "=", p.Value)
	}
	if c.Membership != "" {
		dst = line(dst, "membership: ")
		dst = append(dst, c.Membership...)
	}
	return dst
}

// appendEnvi writes the environment. Clients read the server's version here.
func appendEnvi(dst []byte, src Source) []byte {
	dst = line(dst, "Environment:")
	dst = line(dst, "zookeeper.version=", src.Server().Version)
	for _, p := range src.Env() {
		dst = line(dst, p.Key, "=", p.Value)
	}
	return dst
}

func appendDirs(dst []byte, src Source) []byte {
	data, logs := src.Dirs()
	dst = line(dst, "datadir_size: ", itoa(data))
	return line(dst, "logdir_size: ", itoa(logs))
}

// Version writes the text after "Zookeeper version: ". It begins with the
// number of the ZooKeeper release whose behaviour clients may expect, because
// they take it apart; built is "2006-01-02 15:04 UTC".
func Version(quorumd, built string) string {
	return CompatibleWith + "-quorumd-" + quorumd + ", built on " + built
}

// CompatibleWith is the release of ZooKeeper that clients are told.
const CompatibleWith = "3.9.4"
