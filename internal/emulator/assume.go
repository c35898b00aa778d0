package emulator

import (
	"fmt"
	"slices"
	"strings"
)

// Assumption is a question about AWS that only AWS can answer, with the two answers that a run can be held under.
type Assumption struct {
	Name     string    `json:"name"`
	Question string    `json:"question"`
	Settings [2]string `json:"settings"` // the first is the default
	Source   string    `json:"source"`   // what speaks for either
}

// Default is the setting that holds unless Options.Assumptions says otherwise.
func (a Assumption) Default() string { return a.Settings[0] }

// Assumptions lists every question, sorted by name.
func Assumptions() []Assumption {
	return slices.Clone(assumptions)
}

var assumptions = []Assumption{
	{
		Name:     "active-peering-and-delete-vpc",
		Question: "Does DeleteVpc refuse a VPC with an active peering connection, or delete the connection with it?",
		Settings: [2]string{"refused", "deleted-with-it"},
		Source:   "The peering guide says that the console deletes the connection with the VPC; of the API only that it wants dependants gone.",
	},
	{
		Name:     "delete-needs-unsubscribe",
		Question: "Does DeleteAccountSubscription need quicksight:Unsubscribe beside quicksight:DeleteAccountSubscription?",
		Settings: [2]string{"yes", "no"},
		Source:   "The service authorization reference lists Unsubscribe as permission-only; CreateAccountSubscription needs its counterpart Subscribe.",
	},
	{
		Name:     "directory-apps-linger",
		Question: "Does a directory stay an authorized application's for some minutes after QuickSight was unsubscribed?",
		Settings: [2]string{"yes", "no"},
		Source:   "The WorkSpaces administration guide says to wait 30 to 60 minutes before trying again.",
	},
	{
		Name:     "directory-interface-description",
		Question: "Does the description of a directory's interfaces contain the word directory?",
		Settings: [2]string{"with-directory", "without-directory"},
		Source:   "The Directory Service administration guide says \"AWS created network interface for directory d-…\"; other sources omit the word.",
	},
	{
		Name:     "directory-removed-by-quicksight",
		Question: "Does unsubscribing remove the Simple AD that QuickSight created in its preview?",
		Settings: [2]string{"no", "yes"},
		Source:   "The documented caller permissions include ds:DeleteDirectory; the console offered a check box to preview accounts; the API has no such parameter.",
	},
	{
		Name:     "leftover-namespace",
		Question: "Does a namespace beside default block DeleteAccountSubscription?",
		Settings: [2]string{"ignored", "blocks"},
		Source:   "The user guide says to delete secondary namespaces first; no source shows the refusal.",
	},
	{
		Name:     "namespaces-from-other-region",
		Question: "Do ListNamespaces and DescribeNamespace answer outside the identity Region?",
		Settings: [2]string{"answers", "denied"},
		Source:   "Tools read the identity Region from the default namespace's CapacityRegion; other calls on namespaces are refused elsewhere.",
	},
	{
		Name:     "nat-interface-type",
		Question: "How does EC2 spell the interface type of a NAT gateway?",
		Settings: [2]string{"nat_gateway", "natGateway"},
		Source:   "The filter's documentation says nat_gateway, the API model's enum natGateway.",
	},
	{
		Name:     "omitted-notification-email",
		Question: "What does UpdateAccountSettings do with the notification email when NotificationEmail is absent?",
		Settings: [2]string{"kept", "cleared"},
		Source:   "Undocumented; aws-nuke echoes the described email.",
	},
	{
		Name:     "omitted-protection-flag",
		Question: "What does UpdateAccountSettings do when TerminationProtectionEnabled is absent?",
		Settings: [2]string{"false", "no-change"},
		Source:   "The model's Boolean is unboxed, so absent most likely means false; undocumented.",
	},
	{
		Name:     "subscription-from-other-region",
		Question: "Does DescribeAccountSubscription answer outside the identity Region?",
		Settings: [2]string{"answers", "denied"},
		Source:   "Reports conflict: ministryofjustice/modernisation-platform#9789 and aws-nuke#995.",
	},
	{
		Name:     "unsubscribed",
		Question: "Does DescribeAccountSubscription keep answering UNSUBSCRIBED, or is the account not found at once?",
		Settings: [2]string{"stays", "not-found"},
		Source:   "The Terraform provider accepts both.",
	},
}

func resolveAssumptions(given map[string]string) (map[string]string, error) {
	resolved := map[string]string{}
	for _, a := range assumptions {
		resolved[a.Name] = a.Default()
	}
	for _, name := range sortedKeys(given) {
		i := slices.IndexFunc(assumptions, func(a Assumption) bool { return a.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("unknown assumption %q; known are %s", name, strings.Join(sortedKeys(resolved), ", "))
		}
		settings := assumptions[i].Settings
		if !slices.Contains(settings[:], given[name]) {
			return nil, fmt.Errorf("assumption %q cannot be %q; it is %s or %s", name, given[name], settings[0], settings[1])
		}
		resolved[name] = given[name]
	}
	return resolved, nil
}

// assume returns the setting of an assumption that the table lists.
func (a *AWS) assume(name string) string {
	setting, ok := a.assumptions[name]
	if !ok {
		panic("emulator: assumption " + name + " is not in the table")
	}
	a.consulted[name] = true
	return setting
}

// Consulted lists the assumptions that the calls so far depended on, sorted. Under another setting of any other assumption the
// same calls would have had the same answers.
func (a *AWS) Consulted() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return sortedKeys(a.consulted)
}
