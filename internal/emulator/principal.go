package emulator

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Session is an assumed role.
type Session struct {
	SecretAccessKey string    `json:"secretAccessKey"`
	SessionToken    string    `json:"sessionToken"`
	Account         string    `json:"account"`
	Role            string    `json:"role"` // name
	Name            string    `json:"name"` // role session name
	Policy          *Policy   `json:"policy,omitempty"`
	Expiration      time.Time `json:"expiration"`
}

// principal is who makes a call.
type principal struct {
	ARN, Account, UserID string
	roleARN              string // of a role's session: the role
	root                 bool
	policies             []Policy
	unrestricted         bool // no identity policies are known: the world lets it do everything
	boundary, session    *Policy
	viaRole              bool
	sourceName           string // user name or role session name, as CloudTrail writes it
	accessKey            string
	service              string // an AWS service that acts by itself; all else is empty then
}

// authenticate finds out who signed the request.
func (a *AWS) authenticate(r *request, s signature) error {
	p := r.service.protocol
	secret, token := "", ""
	caller, expires := (*principal)(nil), time.Time{}
	if session, ok := a.world.Sessions[s.accessKey]; ok {
		secret, token, expires = session.SecretAccessKey, session.SessionToken, session.Expiration
		caller = a.sessionPrincipal(session)
	}
	if h, known := a.holderOf(s.accessKey); known {
		secret, caller = h.secret, a.knownPrincipal(h.account, h.arn)
		token = s.token // a long-lived key needs no token, and the replay may send one
	}
	if caller == nil {
		return p.badCredentials()
	}
	caller.accessKey = s.accessKey
	r.principal, r.account = caller, caller.Account
	if token != s.token {
		return p.badCredentials()
	}
	if !expires.IsZero() && !r.now.Before(expires) {
		code := "ExpiredTokenException"
		if p == query || p == s3XML || p == ec2Query {
			code = "ExpiredToken"
		}
		return &APIError{Code: code, Message: "The security token included in the request is expired", Status: p.forbidden()}
	}
	mismatch := &APIError{Code: "SignatureDoesNotMatch", Message: "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.", Status: http.StatusForbidden}
	if !s.valid(secret, r.aws.signingKeys) {
		return mismatch
	}
	if s.presigned {
		signed, err := time.Parse("20060102T150405Z", s.time)
		seconds, err2 := strconv.Atoi(s.expires)
		if err != nil || err2 != nil || seconds < 0 || seconds > 604800 {
			return mismatch
		}
		if r.now.After(signed.Add(time.Duration(seconds) * time.Second)) {
			return &APIError{Code: "SignatureDoesNotMatch", Message: "Signature expired: " + s.time + " is now earlier than " + r.now.UTC().Format("20060102T150405Z"), Status: http.StatusForbidden}
		}
		if signed.After(r.now.Add(5 * time.Minute)) { // the clock skew that SigV4 tolerates
			return &APIError{Code: "SignatureDoesNotMatch", Message: "Signature not yet current: " + s.time + " is still later than " + r.now.UTC().Format("20060102T150405Z"), Status: http.StatusForbidden}
		}
	}
	return nil
}

// knownPrincipal reads the identity behind an ARN.
func (a *AWS) knownPrincipal(account, arn string) *principal {
	p := &principal{ARN: arn, Account: account, UserID: account, unrestricted: true}
	_, resource, _ := strings.Cut(arn, ":"+account+":")
	kind, rest, _ := strings.Cut(resource, "/")
	name := rest[strings.LastIndex(rest, "/")+1:]
	switch kind {
	case "root":
		p.root = true
		p.sourceName = "root"
	case "user":
		p.UserID, p.sourceName = "AIDA"+stableID(account, "user", name), name
		if u := a.world.Accounts[account].Users[name]; u != nil {
			p.policies, p.boundary, p.unrestricted = u.Policies, u.Boundary, u.Policies == nil
		}
	case "assumed-role":
		role, session, _ := strings.Cut(rest, "/")
		return a.rolePrincipal(account, role, session)
	}
	return p
}

func (a *AWS) sessionPrincipal(s *Session) *principal {
	p := a.rolePrincipal(s.Account, s.Role, s.Name)
	p.session = s.Policy
	return p
}

func (a *AWS) rolePrincipal(account, role, session string) *principal {
	p := &principal{
		ARN:          "arn:aws:sts::" + account + ":assumed-role/" + role + "/" + session,
		Account:      account,
		UserID:       roleID(account, role) + ":" + session,
		roleARN:      "arn:aws:iam::" + account + ":role/" + role,
		unrestricted: true,
		viaRole:      true,
		sourceName:   session,
	}
	if r := a.world.Accounts[account].Roles[role]; r != nil {
		p.roleARN = r.arn(account, role)
		p.policies, p.boundary, p.unrestricted = r.Policies, r.Boundary, r.Policies == nil
	}
	return p
}

func (r *Role) arn(account, name string) string {
	return "arn:aws:iam::" + account + ":role/" + strings.TrimPrefix(cmp.Or(r.Path, "/"), "/") + name
}

func roleID(account, role string) string { return "AROA" + stableID(account, "role", role) }
