package step

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/record"
)

// sweeps tells whether the run is one account of a sweep.
func (r Run) sweeps() bool { return strings.HasPrefix(r.Fleet, "closings/"+closing.SweepFolder+"/") }

// notSubscribed is the plan of an account that a sweep need not look into.
func (e Env) notSubscribed(ctx context.Context, in Input) (Result, error) {
	plan, err := e.folder(in).PutPlan(ctx, record.PlanName(1), closing.Plan{
		Round: 1, Observed: closing.Observed{At: clock.Now(ctx)},
		Material: closing.Material{
			AccountID: in.Run.AccountID, Directory: closing.Directory{Fate: closing.FateNone}, VPC: closing.VPC{Fate: closing.FateNone},
		},
	})
	if err != nil {
		return Result{}, err
	}
	in.Run.Round, in.Run.Digest = 1, plan.Digest
	return in.done(verdictOf(plan), ListOf()), nil
}

// surveyed is what became of one account that was only looked at: its plan, and in a sweep what speaks for closing it.
func (r *fleetReporting) surveyed(ctx context.Context, m closing.Member) (closing.Ended, error) {
	out := closing.Ended{AccountID: m.AccountID, Outcome: closing.OutcomePlanned, Closing: strings.TrimSuffix(m.PlanKey, record.PlanName(1))}
	if !strings.HasPrefix(r.in.Run.Closing, "closings/"+closing.SweepFolder+"/") {
		return out, nil
	}
	plan, err := r.Record.PlanAt(ctx, m.PlanKey, m.Digest)
	if err != nil {
		return out, err
	}
	out.Survey = surveyOf(plan)
	return out, nil
}

func surveyOf(p closing.Plan) *closing.Survey {
	users := p.Material.Count(kindUser)
	s := &closing.Survey{Users: users, Assets: p.Material.Assets.N - users}
	if sub := p.Material.Subscription; sub != nil {
		s.Name, s.Edition = sub.AccountName, sub.Edition
	}
	var last closing.Use
	silent := len(p.Observed.Uses) > 0
	for _, u := range p.Observed.Uses {
		silent = silent && u.Refused == "" && u.Events == 0
		if u.Last.After(last.Last) {
			last = u
		}
	}
	switch {
	case !last.Last.IsZero():
		s.LastUse = fmt.Sprintf("%s: %s by %s", last.Last.Format(time.DateOnly), last.Name, last.By)
	case silent:
		s.LastUse = fmt.Sprintf("none in %d days", useDays)
		s.Candidate = append(s.Candidate, fmt.Sprintf("nobody used it in the last %d days", useDays))
	default:
		s.LastUse = "not known: CloudTrail does not say"
	}
	if s.Assets == 0 {
		s.Candidate = append(s.Candidate, "it has no assets")
	}
	if s.Users == 0 {
		s.Candidate = append(s.Candidate, "it has no users")
	}
	return s
}

// costs asks once what QuickSight cost in the last full month, by account. A bill that may not be read is said so, and stops nothing.
// https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_GetCostAndUsage.html
func (e Env) costs(ctx context.Context, accounts []closing.Ended) *closing.Cost {
	end := clock.Now(ctx).UTC()
	end = time.Date(end.Year(), end.Month(), 1, 0, 0, 0, 0, time.UTC)
	c := &closing.Cost{From: end.AddDate(0, -1, 0).Format(time.DateOnly), To: end.Format(time.DateOnly)}
	bill, err := e.bill(ctx, c)
	if err != nil {
		e.Log.WarnContext(ctx, "the costs are not known", "error", err)
		c.Unknown = err.Error()
		return c
	}
	for i := range accounts {
		if s := accounts[i].Survey; s != nil {
			if s.Cost = bill[accounts[i].AccountID]; s.Cost == "" {
				s.Cost = "none"
			}
		}
	}
	return c
}

// billed is what Cost Explorer called QuickSight before AWS renamed it.
const billed = "Amazon QuickSight"

func (e Env) bill(ctx context.Context, c *closing.Cost) (map[string]string, error) {
	reader, err := e.member(ctx, e.Config.ManagementAccount)
	if err != nil {
		return nil, err
	}
	// Any other account is answered, with its own costs alone. https://docs.aws.amazon.com/cost-management/latest/userguide/ce-access.html
	if reader.home != e.Config.ManagementAccount {
		return nil, fmt.Errorf("account %s reads the organization and is not its management account, which alone sees what its accounts cost", e.Config.ManagementAccount)
	}
	payer, err := e.AWS.Target(ctx, Access{Account: e.Config.ManagementAccount, Role: RoleOrganization, Policy: OrganizationPolicy()})
	if err != nil {
		return nil, err
	}
	bill, token := map[string]string{}, ""
	for {
		in := map[string]any{
			"TimePeriod":  map[string]string{"Start": c.From, "End": c.To},
			"Granularity": "MONTHLY", "Metrics": []string{"UnblendedCost"},
			"GroupBy": []any{map[string]string{"Type": "DIMENSION", "Key": "LINKED_ACCOUNT"}},
			"Filter":  map[string]any{"Dimensions": map[string]any{"Key": "SERVICE", "Values": []string{billed}}},
		}
		if token != "" {
			in["NextPageToken"] = token
		}
		var out struct {
			NextPageToken string
			ResultsByTime []struct {
				Groups []struct {
					Keys    []string
					Metrics map[string]struct{ Amount, Unit string }
				}
			}
		}
		// Cost Explorer has one endpoint. https://docs.aws.amazon.com/general/latest/gr/billing.html
		if err := ask(ctx, payer, "us-east-1", question{operation: "ce:GetCostAndUsage", target: "AWSInsightsIndexService", in: in}, &out); err != nil {
			return nil, err
		}
		for _, month := range out.ResultsByTime {
			for _, g := range month.Groups {
				if cost := g.Metrics["UnblendedCost"]; len(g.Keys) == 1 {
					bill[g.Keys[0]] = strings.TrimSpace(cost.Amount + " " + cost.Unit)
				}
			}
		}
		if token = out.NextPageToken; token == "" {
			break
		}
	}
	if len(bill) == 0 {
		return nil, fmt.Errorf("no account has costs of %s in Cost Explorer: they may stand under another name of the service", billed)
	}
	return bill, nil
}

// surveyLines are a sweep in words: the candidates first.
func surveyLines(b *strings.Builder, r closing.FleetReport) {
	subscribed := slices.DeleteFunc(slices.Clone(r.Accounts), func(a closing.Ended) bool { return a.Survey == nil })
	slices.SortStableFunc(subscribed, func(a, b closing.Ended) int { return len(b.Candidate) - len(a.Candidate) })
	fmt.Fprintf(b, "Subscribed to QuickSight: %d accounts.", len(subscribed))
	if r.Cost != nil && r.Cost.Unknown == "" {
		fmt.Fprintf(b, " Costs are of %s to %s.", r.Cost.From, r.Cost.To)
	} else if r.Cost != nil {
		fmt.Fprintf(b, " Costs are not known: %s.", r.Cost.Unknown)
	}
	fmt.Fprintln(b)
	for _, a := range subscribed[:min(len(subscribed), MaxListed)] {
		fmt.Fprintf(b, "%s (%s): %d users, %d assets, last use %s, cost %s", a.AccountID, a.Name, a.Users, a.Assets, a.LastUse, cmp.Or(a.Cost, "not known"))
		if len(a.Candidate) > 0 {
			fmt.Fprintf(b, "; candidate for closing: %s", strings.Join(a.Candidate, ", "))
		}
		fmt.Fprintln(b)
	}
	if more := len(subscribed) - MaxListed; more > 0 {
		fmt.Fprintf(b, "and %d more\n", more)
	}
}
