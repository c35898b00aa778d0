package emulator

import "encoding/json"

var costExplorerOperations = map[string]op{
	"GetCostAndUsage": {run: getCostAndUsage, required: []string{"TimePeriod", "Granularity", "Metrics"}},
}

// costQuestion is the part of the input that is understood: months of one service, by account.
type costQuestion struct {
	TimePeriod  struct{ Start, End string }
	Granularity string
	Metrics     []string
	GroupBy     []struct{ Type, Key string }
	Filter      struct {
		Dimensions struct {
			Key    string
			Values []string
		}
	}
	NextPageToken string
}

func (r *request) costQuestion() (q costQuestion, err error) {
	err = json.Unmarshal(r.body, &q)
	return q, err
}

// getCostAndUsage answers what QuickSight cost, by account: the management account sees every member's costs, any other its own.
func getCostAndUsage(r *request) (any, error) {
	q, err := r.costQuestion()
	if err != nil || q.Granularity != "MONTHLY" || len(q.GroupBy) != 1 || q.GroupBy[0].Key != "LINKED_ACCOUNT" || q.Filter.Dimensions.Key != "SERVICE" {
		return nil, r.aws.notImplemented(r) // other questions are nobody's here
	}
	type metric struct{ Amount, Unit string }
	type group struct {
		Keys    []string
		Metrics map[string]metric
	}
	groups := []group{}
	for _, id := range sortedKeys(r.aws.world.Accounts) {
		cost := r.aws.world.Accounts[id].QuickSightCost
		if cost == "" || r.account != r.aws.world.Management && r.account != id {
			continue
		}
		groups = append(groups, group{Keys: []string{id}, Metrics: map[string]metric{q.Metrics[0]: {cost, "USD"}}})
	}
	cut, next, ok := paginate(r, groups, q.NextPageToken, 0, 1000)
	if !ok {
		return nil, apiError("InvalidNextTokenException", "The pagination token is invalid.")
	}
	out := map[string]any{"ResultsByTime": []any{map[string]any{"TimePeriod": q.TimePeriod, "Groups": cut, "Estimated": false}}}
	if next != "" {
		out["NextPageToken"] = next
	}
	return out, nil
}
