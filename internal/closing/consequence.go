package closing

import (
	"fmt"
	"maps"
	"slices"
)

// Consequence is something that closing an account brings with it, which people should know before they decide, and may have to act on
// afterwards.
type Consequence struct {
	What string `json:"what"`
	Do   string `json:"do,omitempty"` // a command, or whom to ask
}

// Consequences are what closing the account of m brings with it. It promises nothing that AWS does not.
func Consequences(m Material) []Consequence {
	if m.Subscription == nil {
		return nil
	}
	var out []Consequence
	say := func(do, format string, args ...any) {
		out = append(out, Consequence{What: fmt.Sprintf(format, args...), Do: do})
	}
	roles := map[string]int{}
	for _, c := range m.Contents {
		if c.Kind == "user" {
			roles[c.Role] += c.N
		}
	}
	for _, role := range slices.Sorted(maps.Keys(roles)) {
		say("", "%d users with the role %s lose their access", roles[role], role)
	}
	if m.Subscription.PublicSharing {
		say("", "public sharing is on: dashboards that are shared with everybody on the internet, or embedded in pages, stop working")
	} else if m.Count("dashboard") > 0 {
		say("", "dashboards that are embedded in applications stop working: %d dashboards go", m.Count("dashboard"))
	}
	if m.Count("dataset") > 0 {
		say("", "the data in SPICE of %d datasets is lost with %d refresh schedules; exports hold definitions, not rows", m.Count("dataset"), m.Count("refresh-schedule"))
	}
	say("aws ce get-cost-and-usage --time-period Start=…,End=… --granularity DAILY --metrics UnblendedCost --filter "+
		`'{"Dimensions":{"Key":"SERVICE","Values":["Amazon QuickSight"]}}'`,
		"billing: one answer of AWS's community says that charges are prorated to the day, a measurement of 2022 that a user is billed to the end of "+
			"the month; annual subscriptions that have begun cannot be cancelled. Nothing is promised: look at the bill")
	say("aws iam list-roles --path-prefix /service-role/ --query \"Roles[?starts_with(RoleName,'aws-quicksight-')].RoleName\"",
		"QuickSight's service roles and their policies AWSQuickSight… remain: detach and delete them once nothing uses them")
	say("", "KMS keys that were registered with QuickSight, secrets, S3 bucket policies and security group rules that name it remain: they are yours and are not touched")
	for _, n := range m.Namespaces {
		if n.Application != "" {
			say("aws sso-admin update-application --status DISABLED --application-arn "+n.Application,
				"the IAM Identity Center application %s may remain; it can then be disabled, and no longer deleted", n.Application)
		}
	}
	say("https://us-east-1.quicksight.aws.amazon.com/sn/console/unsubscribe",
		"where this workflow cannot go on, an administrator can unsubscribe in the console; where the console cannot, AWS Support can (service QuickSight, category Account)")
	return out
}
