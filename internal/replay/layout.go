package replay

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// chart is a state machine's graph, laid out from top to bottom: one column of states in the order of their longest path, a second
// one for the states that only lead back, rails on the left for edges that skip states and on the right for those that go back.
// Equal definitions give equal charts.
type chart struct {
	Width, Height int
	Nodes         []*node
	Edges         []*edge
}

// node is a state.
type node struct {
	Name, Type string
	X, Y, W, H int

	out   []*edge
	seen  bool
	open  bool // on the path from the start, while edges are followed
	found int  // when: the number of states that were seen before
	rank  int
	host  *node // for a state that only leads back: the one it is drawn beside
	guest *node
	ranks int // how many states share the rank
}

// edge leads from one state to another, whatever for.
type edge struct {
	From, To *node
	Catch    bool // only an error leads there
	Path     string
	X, Y     int // of its label

	back bool
}

// The measures, in pixels of a chart that a phone shows about four fifths of its size.
const (
	margin    = 6
	railWidth = 14
	columnGap = 22
	nodeWidth = 160
	sideWidth = 162
	taskRow   = 40
	otherRow  = 28
	rowGap    = 26
)

// outline is as much of a state machine as its graph needs.
type outline struct {
	StartAt string
	States  map[string]struct {
		Type, Next, Default string
		Choices             []struct{ Next string }
		Catch               []struct{ Next string }
	}
}

// layOut draws the top level of a state machine.
func layOut(text []byte) (*chart, error) {
	var d outline
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, fmt.Errorf("read the state machine: %w", err)
	}
	nodes := map[string]*node{}
	for name, s := range d.States {
		nodes[name] = &node{Name: name, Type: s.Type, W: nodeWidth, H: otherRow}
		if s.Type == "Task" {
			nodes[name].H = taskRow
		}
	}
	for _, name := range sorted(d.States) {
		s, n := d.States[name], nodes[name]
		n.to(nodes[s.Next], false)
		for _, c := range s.Choices {
			n.to(nodes[c.Next], false)
		}
		n.to(nodes[s.Default], false)
		for _, c := range s.Catch {
			n.to(nodes[c.Next], true)
		}
	}
	start := nodes[d.StartAt]
	if start == nil {
		return nil, fmt.Errorf("read the state machine: its first state %q is not there", d.StartAt)
	}
	found := 0
	order := follow(start, nil, &found)
	slices.Reverse(order) // what was finished last comes first
	c := &chart{Nodes: order}
	c.column()
	c.route()
	return c, nil
}

func (n *node) to(target *node, catch bool) {
	if target == nil {
		return
	}
	for _, e := range n.out {
		if e.To == target {
			return
		}
	}
	n.out = append(n.out, &edge{From: n, To: target, Catch: catch})
}

// follow visits what can be reached from a state, depth first, and returns the states in the order in which they were finished. An
// edge to a state that is still open goes back. Errors are followed last: they are not the story.
func follow(n, parent *node, found *int) []*node {
	n.seen, n.open, n.found = true, true, *found
	*found++
	var finished []*node
	onlyBack := len(n.out) > 0 && parent != nil
	for _, catches := range []bool{false, true} {
		for _, e := range n.out {
			if e.Catch != catches {
				continue
			}
			e.back = e.To.open
			onlyBack = onlyBack && (e.back || e.Catch)
			if !e.To.seen {
				finished = append(finished, follow(e.To, n, found)...)
			}
		}
	}
	if onlyBack && parent.guest == nil {
		n.host, parent.guest = parent, n
	}
	n.open = false
	return append(finished, n)
}

// column ranks the states by their longest path, and gives each its place.
func (c *chart) column() {
	last := 0
	for _, n := range c.Nodes {
		if n.host != nil {
			continue
		}
		for _, e := range n.out {
			if e.To.host != nil {
				e.back = e.back || e.To.host != n
			} else if !e.back {
				e.To.rank = max(e.To.rank, n.rank+1)
			}
		}
		last = max(last, n.rank)
	}
	byRank := make([][]*node, last+1)
	for _, n := range c.Nodes {
		if n.host == nil {
			byRank[n.rank] = append(byRank[n.rank], n)
		}
	}
	y, bottom := margin, 0
	for _, row := range byRank {
		slices.SortFunc(row, func(a, b *node) int { return a.found - b.found })
		for _, n := range row {
			n.ranks = len(row)
			n.X, n.Y = margin+railWidth, y
			gap := rowGap
			if n.ranks > 1 { // they hang on a comb
				n.X, n.W, n.H, gap = n.X+railWidth, n.W-railWidth, otherRow, 8
			}
			if n.guest != nil {
				n.guest.X, n.guest.Y, n.guest.W = margin+railWidth+nodeWidth+columnGap, y, sideWidth
				n.guest.H = max(n.H, n.guest.H)
				n.H = n.guest.H
			}
			y += n.H + gap
			bottom = n.bottom()
		}
	}
	c.Width, c.Height = 2*margin+railWidth+nodeWidth+columnGap+sideWidth+3*railWidth, bottom+margin
}

// route draws the edges. Edges to one target share a rail.
func (c *chart) route() {
	left, right := rails{}, rails{}
	sides := margin + railWidth + nodeWidth + columnGap + sideWidth
	for _, n := range c.Nodes {
		for _, e := range n.out {
			c.Edges = append(c.Edges, e)
			from, to := e.From, e.To
			var points []point
			switch {
			case to == from.guest:
				points = []point{{from.X + from.W, from.middle()}, {to.X, to.middle()}}
			case from.host != nil && e.back && from.host.Y-to.Y <= taskRow+rowGap && to.host == nil: // back to the state above
				points = []point{{from.X + from.W/2, from.Y}, {from.X + from.W/2, to.middle()}, {to.X + to.W, to.middle()}}
			case e.back:
				x := sides + railWidth*(right.lane(to)+1)
				points = []point{{from.X + from.W, from.middle()}, {x, from.middle()}}
				if from.guest != nil {
					points = []point{{from.X + from.W*3/4, from.bottom()}, {from.X + from.W*3/4, from.bottom() + 9}, {x, from.bottom() + 9}}
				}
				points = append(points, point{x, to.middle()}, point{to.X + to.W, to.middle()})
			case to.ranks > 1 && to.rank == from.rank+1:
				x := from.X + railWidth/2
				points = []point{{x, from.bottom()}, {x, to.middle()}, {to.X, to.middle()}}
			case from.host == nil && to.rank == from.rank+1:
				points = []point{{from.X + nodeWidth/2, from.bottom()}, {to.X + nodeWidth/2, to.Y}}
			default:
				x := margin + railWidth/2 - 4*left.lane(to)
				points = []point{{from.X, from.middle()}, {x, from.middle()}}
				if from.host != nil {
					points = []point{{from.X + from.W/2, from.bottom()}, {from.X + from.W/2, from.bottom() + 17}, {x, from.bottom() + 17}}
				}
				points = append(points, point{x, to.middle()}, point{to.X, to.middle()})
			}
			e.Path = curve(points)
			e.X, e.Y = (points[0].x+points[1].x)/2, (points[0].y+points[1].y)/2
		}
	}
}

// rails gives each target of long edges a lane of its own.
type rails map[*node]int

func (r rails) lane(n *node) int {
	if _, taken := r[n]; !taken {
		r[n] = len(r)
	}
	return r[n]
}

func (n *node) middle() int { return n.Y + n.H/2 }
func (n *node) bottom() int { return n.Y + n.H }

type point struct{ x, y int }

// curve is the SVG path along the points, with rounded corners.
func curve(points []point) string {
	const radius = 6
	var out strings.Builder
	fmt.Fprintf(&out, "M%d %d", points[0].x, points[0].y)
	for i := 1; i < len(points)-1; i++ {
		before, after := points[i].towards(points[i-1], radius), points[i].towards(points[i+1], radius)
		fmt.Fprintf(&out, "L%d %dQ%d %d %d %d", before.x, before.y, points[i].x, points[i].y, after.x, after.y)
	}
	end := points[len(points)-1]
	fmt.Fprintf(&out, "L%d %d", end.x, end.y)
	return out.String()
}

// towards is the point at most so far from p on the way to q, which lies straight above, below or beside it.
func (p point) towards(q point, far int) point {
	step := func(from, to int) int { return from + max(-far, min(far, to-from)) }
	return point{step(p.x, q.x), step(p.y, q.y)}
}
