package jute

import "strconv"

// Code is an error code as it stands in a reply header. It is an error, so
// that errors.Is works with it; CodeOK is no error and must not be returned
// as one (see Code.Err).
type Code int32

// The codes of the protocol. Those marked "client" are never sent.
const (
	CodeOK                           Code = 0
	CodeSystemError                  Code = -1
	CodeRuntimeInconsistency         Code = -2 // sub-operations after the one that failed a multi
	CodeDataInconsistency            Code = -3
	CodeConnectionLoss               Code = -4 // client
	CodeMarshallingError             Code = -5
	CodeUnimplemented                Code = -6
	CodeOperationTimeout             Code = -7 // client
	CodeBadArguments                 Code = -8
	CodeUnknownSession               Code = -12
	CodeNewConfigNoQuorum            Code = -13
	CodeReconfigInProgress           Code = -14
	CodeAPIError                     Code = -100
	CodeNoNode                       Code = -101
	CodeNoAuth                       Code = -102
	CodeBadVersion                   Code = -103
	CodeNoChildrenForEphemerals      Code = -108
	CodeNodeExists                   Code = -110
	CodeNotEmpty                     Code = -111
	CodeSessionExpired               Code = -112
	CodeInvalidCallback              Code = -113 // client
	CodeInvalidACL                   Code = -114
	CodeAuthFailed                   Code = -115
	CodeSessionMoved                 Code = -118 // never sent: the connection is closed
	CodeNotReadOnly                  Code = -119
	CodeEphemeralOnLocalSession      Code = -120
	CodeNoWatcher                    Code = -121
	CodeRequestTimeout               Code = -122 // client
	CodeReconfigDisabled             Code = -123
	CodeSessionClosedRequireSASLAuth Code = -124
	CodeQuotaExceeded                Code = -125
	CodeThrottledOp                  Code = -127
)

// codeTexts holds the protocol's name of a code and what it means in words.
var codeTexts = map[Code][2]string{
	CodeOK:                           {"OK", "ok"},
	CodeSystemError:                  {"SYSTEMERROR", "system error"},
	CodeRuntimeInconsistency:         {"RUNTIMEINCONSISTENCY", "not tried, an earlier operation failed"},
	CodeDataInconsistency:            {"DATAINCONSISTENCY", "data inconsistency"},
	CodeConnectionLoss:               {"CONNECTIONLOSS", "connection lost, the outcome is unknown"},
	CodeMarshallingError:             {"MARSHALLINGERROR", "the request cannot be decoded"},
	CodeUnimplemented:                {"UNIMPLEMENTED", "operation not supported"},
	CodeOperationTimeout:             {"OPERATIONTIMEOUT", "operation timed out"},
	CodeBadArguments:                 {"BADARGUMENTS", "bad arguments"},
	CodeUnknownSession:               {"UNKNOWNSESSION", "unknown session"},
	CodeNewConfigNoQuorum:            {"NEWCONFIGNOQUORUM", "no quorum of the new configuration is in sync"},
	CodeReconfigInProgress:           {"RECONFIGINPROGRESS", "another reconfiguration is in progress"},
	CodeAPIError:                     {"APIERROR", "api error"},
	CodeNoNode:                       {"NONODE", "node does not exist"},
	CodeNoAuth:                       {"NOAUTH", "not authorised"},
	CodeBadVersion:                   {"BADVERSION", "version does not match"},
	CodeNoChildrenForEphemerals:      {"NOCHILDRENFOREPHEMERALS", "ephemeral nodes have no children"},
	CodeNodeExists:                   {"NODEEXISTS", "node exists already"},
	CodeNotEmpty:                     {"NOTEMPTY", "node has children"},
	CodeSessionExpired:               {"SESSIONEXPIRED", "session expired"},
	CodeInvalidCallback:              {"INVALIDCALLBACK", "invalid callback"},
	CodeInvalidACL:                   {"INVALIDACL", "invalid access control list"},
	CodeAuthFailed:                   {"AUTHFAILED", "authentication failed"},
	CodeSessionMoved:                 {"SESSIONMOVED", "session moved to another server"},
	CodeNotReadOnly:                  {"NOTREADONLY", "the server is read-only"},
	CodeEphemeralOnLocalSession:      {"EPHEMERALONLOCALSESSION", "a local session cannot own ephemeral nodes"},
	CodeNoWatcher:                    {"NOWATCHER", "no such watch"},
	CodeRequestTimeout:               {"REQUESTTIMEOUT", "request timed out"},
	CodeReconfigDisabled:             {"RECONFIGDISABLED", "reconfiguration is disabled"},
	CodeSessionClosedRequireSASLAuth: {"SESSIONCLOSEDREQUIRESASLAUTH", "the server requires authentication"},
	CodeQuotaExceeded:                {"QUOTAEXCEEDED", "quota exceeded"},
	CodeThrottledOp:                  {"THROTTLEDOP", "operation was throttled"},
}

// Error says in words what the code means.
func (c Code) Error() string {
	if t, ok := codeTexts[c]; ok {
		return t[1]
	}
	return "error code " + strconv.Itoa(int(c))
}

// Name returns the protocol's own name of the code, such as NONODE, or the
// number of an unknown one.
func (c Code) Name() string {
	if t, ok := codeTexts[c]; ok {
		return t[0]
	}
	return strconv.Itoa(int(c))
}

// Err returns the code as an error, nil for CodeOK.
func (c Code) Err() error {
	if c == CodeOK {
		return nil
	}
	return c
}
