package config

import "strings"

// The reasons why a key of ZooKeeper has no effect.
const (
	whyJVM       = "it tunes the JVM or a thread of ZooKeeper's that does not exist here"
	whyAlways    = "quorumd always does this"
	whyFsync     = "quorumd always syncs its log before it acknowledges"
	whyOwnDesign = "this part works differently in quorumd and has no such setting"
	whyNotYet    = "not supported by this version"
	whyNoAdmin   = "this version has no HTTP admin server; use the four-letter words"
	whyNoMetrics = "this version has no metrics endpoint of its own; use mntr"
	whyNoTLS     = "this version has no TLS"
	whyNoSASL    = "this version has no SASL"
)

// knownKeys maps the keys that ZooKeeper knows and quorumd does not act on to
// the reason. Names that end in a dot stand for every key with that beginning.
func knownKeys() map[string]string {
	m := map[string]string{}
	for why, names := range map[string]string{
		whyJVM: `nio.numSelectorThreads nio.numWorkerThreads nio.directBufferBytes nio.shutdownTimeout
			commitProcessor. jvm.pause.monitor jvm.pause. intBufferStartingSizeBytes serverCnxnFactory netty.
			watchManagerName watcherCleanThreadsNum watcherCleanThreshold watcherCleanIntervalInSeconds
			maxInProcessingDeadWatchers bitHashCacheSize maxResponseCacheSize maxGetChildrenResponseCacheSize
			leader.closeSocketAsync learner.closeSocketAsync learner.asyncSending leader.ackLoggingFrequency
			forward_learner_requests_to_commit_processor_disabled follower.skipLearnerRequestToNextProcessor
			request_throttler.shutdownTimeout pathStats. messageTracker. quorum.cnxn.threads.size`,
		whyAlways: `syncEnabled tcpKeepAlive datadir.autocreate closeSessionTxn.enabled digest.enabled serializeLastProcessedZxid.enabled
			leader.nodelay follower.nodelay request_throttle_drop_stale`,
		whyFsync: `forceSync`,
		whyOwnDesign: `commitLogCount fastleader. znode.container.maxNeverUsedIntervalMs
			flushDelay maxWriteQueuePollTime maxBatchSize jute.maxbuffer.extrasize snapshotSizeFactor
			snapshot.trust.empty db.autocreate forceSnapshotSync leader.maxConcurrentSnapSyncs
			leader.maxConcurrentDiffSyncs connectToLearnerMasterLimit quorumCnxnTimeoutMs
			leaderConnectDelayDuringRetryMs leader.maxTimeToWaitForEpoch emulate353TTLNodes
			snapshot.compression.method enableEagerACLCheck kerberos. allowSaslFailedClients letAnySaslUserDoX`,
		whyNotYet: `fsync.warningthresholdms leaderServes reconfigEnabled localSessionsEnabled localSessionsUpgradingEnabled
			readonlymode.enabled oraclePath multiAddress. observerMasterPort observerMaster.sizeLimit
			observer.reconnectDelayMs observer.election.DelayMs largeRequestMaxBytes largeRequestThreshold
			request_throttle_max_requests request_throttle_stall_time request_stale_latency_check
			request_stale_connection_check throttled_op_wait_time connection_throttle_ audit.
			IPAuthenticationProvider.usexforwardedfor ensembleAuthName superUser superUser.`,
		whyNoAdmin:   `admin.`,
		whyNoMetrics: `metricsProvider.`,
		whyNoTLS: `ssl. sslQuorum secureClientPort secureClientPortAddress client.portUnification portUnification
			sslQuorumReloadCertFiles client.certReload fips-mode X509AuthenticationProvider.superUser`,
		whyNoSASL: `quorum.auth. authProvider. sessionRequireClientSASLAuth enforce.auth.`,
	} {
		for name := range strings.FieldsSeq(names) {
			m[name] = why
		}
	}
	return m
}

// protecting holds the keys that ask for protection quorumd does not have,
// with the values that ask for nothing.
func protecting() map[string][]string {
	return map[string][]string{
		"secureClientPort":               {},
		"sslQuorum":                      {"false"},
		"quorum.auth.enableSasl":         {"false"},
		"quorum.auth.learnerRequireSasl": {"false"},
		"quorum.auth.serverRequireSasl":  {"false"},
		"sessionRequireClientSASLAuth":   {"false"},
		"enforce.auth.enabled":           {"false"},
		"enforce.auth.schemes":           {""},
		"authProvider.":                  {},
	}
}

// agrees reports whether a key without effect asks for what quorumd does
// anyway, so that there is nothing to warn of.
func agrees(bare, value, why string) bool {
	switch {
	case bare == "forceSync", bare == "leaderServes":
		return strings.EqualFold(value, "yes")
	case why == whyAlways:
		return strings.EqualFold(value, "true")
	default:
		return strings.EqualFold(value, "false")
	}
}

// lookup finds name in m, or the longest entry ending in a dot or an
// underscore that name begins with.
func lookup[V any](m map[string]V, name string) (v V, ok bool) {
	if v, ok = m[name]; ok {
		return v, true
	}
	for i := len(name) - 1; i > 0; i-- {
		if name[i-1] != '.' && name[i-1] != '_' {
			continue
		}
		if v, ok = m[name[:i]]; ok {
			return v, true
		}
	}
	return v, false
}
