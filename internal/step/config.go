package step

import (
	"slices"
	"time"

	"quicksight-unsubscribe/internal/closing"
)

// Config is the deployment's configuration. In AWS, boot reads it from the environment that the stack sets; the names below are
// the environment's. A field without a default must be set by the stack.
type Config struct {
	Account string `env:"ACCOUNT"` // the hub account
	Region  string `env:"REGION"`  // the hub's region
	Machine string `env:"STATE_MACHINE_ARN"`
	Bucket  string `env:"BUCKET"`    // of the record
	Topic   string `env:"TOPIC_ARN"` // notices
	// ApprovalTopic is the topic by which the approvers are asked, each by his own subscription.
	ApprovalTopic string `env:"APPROVAL_TOPIC_ARN"`
	// DecisionURL is where people decide: request-approval names it. The function behind it has no need of it.
	DecisionURL string `env:"DECISION_URL" optional:"true"`
	Halt        string `env:"KILL_SWITCH"` // SSM parameter; "on" stops every delete step

	NeverClose []string `env:"NEVER_CLOSE"` // account ids that are always refused
	// NeverCloseUnits are ids of organizational units (or of the root) whose accounts, however deep, are always refused.
	NeverCloseUnits []string `env:"NEVER_CLOSE_UNITS"`
	// ManagementAccount is the management account of the organization, which RoleOrganization reads; default NoOrganization.
	ManagementAccount string `env:"MANAGEMENT_ACCOUNT"`
	// GovernedRegions are the QuickSight regions in which the organization lets its accounts work: an organization's denial of another one is
	// no doubt. Empty: all of them.
	GovernedRegions []string `env:"GOVERNED_REGIONS"`
	// RequireStarterEvidence refuses a run for which nothing shows that its starter may close the account.
	RequireStarterEvidence bool `env:"REQUIRE_STARTER_EVIDENCE"`
	// RefuseUnverifiedStarter refuses a run whose starter CloudTrail does not name within StarterWait.
	RefuseUnverifiedStarter bool          `env:"REFUSE_UNVERIFIED_STARTER"`
	StarterWait             time.Duration `env:"STARTER_WAIT"` // default 30 minutes

	Approvers []closing.Approver `env:"APPROVERS"` // who may decide; empty: all of the hub account
	// IdentityCenterAccounts are accounts beside the hub in which Identity Center's roles have people behind them.
	IdentityCenterAccounts []string `env:"IDENTITY_CENTER_ACCOUNTS"`
	// SessionRoles are ARNs of roles whose trust policy lets nobody take another session name than his own.
	SessionRoles   []string      `env:"SESSION_ROLES"`
	Quorum         int           `env:"QUORUM"`          // default 1
	ApprovalWindow time.Duration `env:"APPROVAL_WINDOW"` // of one round; default 7 days
	CoolOff        time.Duration `env:"COOL_OFF"`        // default 15 minutes, at most closing.MaxCoolOff; 0 skips it
	DecisionAge    time.Duration `env:"DECISION_AGE"`    // of an approval at the commit, cooling off not counted; default 24 hours

	FleetCanary int `env:"FLEET_CANARY"` // how many accounts of a fleet are closed before the rest; default 3

	InventoryBudget    time.Duration `env:"INVENTORY_BUDGET"`    // default 2 hours
	ExportBudget       time.Duration `env:"EXPORT_BUDGET"`       // default 90 minutes, in each round
	SubscriptionBudget time.Duration `env:"SUBSCRIPTION_BUDGET"` // default 3 hours
	DirectoryBudget    time.Duration `env:"DIRECTORY_BUDGET"`    // default 3 hours, of which AuthorizedApplicationsWait
	VPCBudget          time.Duration `env:"VPC_BUDGET"`          // default 3 hours
	// AuthorizedApplicationsWait is how long Directory Service may say "authorized applications" after the subscription is gone.
	AuthorizedApplicationsWait time.Duration `env:"AUTHORIZED_APPLICATIONS_WAIT"` // default 1 hour; AWS says 30 to 60 minutes
}

// governs tells whether a region that cannot be read may hold something: whether the organization lets its accounts work there.
func (c Config) governs(region string) bool {
	return len(c.GovernedRegions) == 0 || slices.Contains(c.GovernedRegions, region)
}

// People tells who is counted for a principal.
func (c Config) People() closing.People {
	return closing.People{Home: c.Account, IdentityCenter: c.IdentityCenterAccounts, SessionRoles: c.SessionRoles}
}

// Defaults are the values of a deployment that configures nothing.
func Defaults() Config {
	return Config{
		ManagementAccount: NoOrganization,
		StarterWait:       30 * time.Minute,
		Quorum:            1, ApprovalWindow: 7 * 24 * time.Hour, CoolOff: 15 * time.Minute, DecisionAge: 24 * time.Hour,
		FleetCanary:     3,
		InventoryBudget: 2 * time.Hour, ExportBudget: 90 * time.Minute, SubscriptionBudget: 3 * time.Hour, DirectoryBudget: 3 * time.Hour, VPCBudget: 3 * time.Hour,
		AuthorizedApplicationsWait: time.Hour,
	}
}
