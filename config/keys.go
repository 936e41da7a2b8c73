package config

import (
	"errors"
	"strings"
	"time"
)

// actedOn maps each key that quorumd acts on to its setter. Keys that need
// more than their own value (the server lines, clientPort, peerType,
// dynamicConfigFile) are handled by the loader.
func actedOn() map[string]setter {
	m := map[string]setter{}
	basicKeys(m)
	storageKeys(m)
	clientKeys(m)
	peerKeys(m)
	treeKeys(m)
	return m
}

func basicKeys(m map[string]setter) {
	m["dataDir"] = path(func(c *Config) *string { return &c.DataDir }, "dataDir=/var/lib/quorumd")
	m["dataLogDir"] = path(func(c *Config) *string { return &c.DataLogDir }, "dataLogDir=/var/lib/quorumd-log")
	m["tickTime"] = millis(func(c *Config) *time.Duration { return &c.TickTime }, 1, "tickTime=2000")
	m["initLimit"] = count(func(c *Config) *int { return &c.InitLimit }, 1, "ticks", "initLimit=10")
	m["syncLimit"] = count(func(c *Config) *int { return &c.SyncLimit }, 1, "ticks", "syncLimit=5")
	m["minSessionTimeout"] = sessionLimit(func(c *Config) *time.Duration { return &c.MinSessionTimeout }, "minSessionTimeout=4000")
	m["maxSessionTimeout"] = sessionLimit(func(c *Config) *time.Duration { return &c.MaxSessionTimeout }, "maxSessionTimeout=40000")
	m["descriptorCheckEnabled"] = boolean(func(c *Config) *bool { return &c.SkipDescriptorCheck }, true, "descriptorCheckEnabled=true")
	m["4lw.commands.whitelist"] = whitelist
	m["electionAlg"] = func(_ *Config, value string) error {
		if value != "3" {
			return errors.New("only fast leader election is known; write electionAlg=3 or leave it out")
		}
		return nil
	}
}

func storageKeys(m map[string]setter) {
	m["snapCount"] = atLeast(func(c *Config) *int { return &c.Storage.SnapCount }, 2, "transactions", "snapCount=100000")
	m["snapSizeLimitInKb"] = kilobytes(func(c *Config) *int64 { return &c.Storage.SnapSizeLimit }, true, "snapSizeLimitInKb=4194304")
	m["snapRateLimitInKb"] = kilobytes(func(c *Config) *int64 { return &c.Storage.SnapRateLimit }, true, "snapRateLimitInKb=32768")
	m["txnLogSizeLimitInKb"] = kilobytes(func(c *Config) *int64 { return &c.Storage.TxnLogSizeLimit }, true, "txnLogSizeLimitInKb=-1")
	m["preAllocSize"] = kilobytes(func(c *Config) *int64 { return &c.Storage.PreAllocSize }, false, "preAllocSize=65536")
	m["autopurge.snapRetainCount"] = atLeast(func(c *Config) *int { return &c.Storage.SnapRetainCount }, 3, "snapshots", "autopurge.snapRetainCount=3")
	m["autopurge.purgeInterval"] = purgeInterval
}

func clientKeys(m map[string]setter) {
	m["maxClientCnxns"] = count(func(c *Config) *int { return &c.Client.MaxPerAddress }, 0, "connections (0 is unlimited)", "maxClientCnxns=60")
	m["maxCnxns"] = count(func(c *Config) *int { return &c.Client.MaxConnections }, 0, "connections (0 is unlimited)", "maxCnxns=0")
	m["clientPortListenBacklog"] = count(func(c *Config) *int { return &c.Client.ListenBacklog }, -1, "connections (-1 leaves it to the system)", "clientPortListenBacklog=-1")
	m["jute.maxbuffer"] = count(func(c *Config) *int { return &c.Client.MaxBuffer }, 1024, "bytes", "jute.maxbuffer=1048575")
	m["globalOutstandingLimit"] = count(func(c *Config) *int { return &c.Client.GlobalOutstandingLimit }, 1, "requests", "globalOutstandingLimit=1000")
	m["nio.sessionlessCnxnTimeout"] = millis(func(c *Config) *time.Duration { return &c.Client.SessionlessTimeout }, 1, "nio.sessionlessCnxnTimeout=10000")
	m["clientTcpKeepAlive"] = boolean(func(c *Config) *bool { return &c.Client.TCPKeepAlive }, false, "clientTcpKeepAlive=false")
}

func peerKeys(m map[string]setter) {
	m["quorumListenOnAllIPs"] = boolean(func(c *Config) *bool { return &c.Peer.ListenOnAllIPs }, false, "quorumListenOnAllIPs=false")
	m["cnxTimeout"] = millis(func(c *Config) *time.Duration { return &c.Peer.CnxTimeout }, 1, "cnxTimeout=5000")
	m["electionPortBindRetry"] = count(func(c *Config) *int { return &c.Peer.ElectionBindRetry }, 0, "attempts (0 is endless)", "electionPortBindRetry=3")
}

func treeKeys(m map[string]setter) {
	m["skipACL"] = yesNo(func(c *Config) *bool { return &c.Tree.SkipACL }, "skipACL=no")
	m["enforceQuota"] = boolean(func(c *Config) *bool { return &c.Tree.EnforceQuota }, false, "enforceQuota=false")
	m["extendedTypesEnabled"] = boolean(func(c *Config) *bool { return &c.Tree.ExtendedTypes }, false, "extendedTypesEnabled=true")
	m["znode.container.checkIntervalMs"] = millis(func(c *Config) *time.Duration { return &c.Tree.ContainerCheckInterval }, 1, "znode.container.checkIntervalMs=60000")
	m["znode.container.maxPerMinute"] = count(func(c *Config) *int { return &c.Tree.ContainerMaxPerMinute }, 1, "containers", "znode.container.maxPerMinute=10000")
	m["DigestAuthenticationProvider.superDigest"] = superDigest
	m["DigestAuthenticationProvider.enabled"] = boolean(func(c *Config) *bool { return &c.Auth.DigestDisabled }, true, "DigestAuthenticationProvider.enabled=true")
	m["DigestAuthenticationProvider.digestAlg"] = func(_ *Config, value string) error {
		if !strings.EqualFold(value, "SHA1") {
			return errors.New("only SHA1 is known, the algorithm that every client uses by default; write SHA1 or leave the key out")
		}
		return nil
	}
}

// superDigest reads super:<base64 digest>.
func superDigest(c *Config, value string) error {
	user, digest, ok := strings.Cut(value, ":")
	if !ok || user == "" || digest == "" {
		return errors.New("not user:digest; write super: and the base64 SHA-1 of super:password")
	}
	c.Auth.SuperDigest = value
	return nil
}
