package index

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// A selection holds what sorting everything and cutting would, whatever the
// order and however many scores are equal.
func TestSelection(t *testing.T) {
	draw := rand.New(rand.NewPCG(3, 4))
	better := func(a, b *candidate) int {
		return cmp.Or(cmp.Compare(b.total, a.total), cmp.Compare(a.doc, b.doc))
	}
	for _, n := range []int{0, 1, 2, candidates - 1, candidates, candidates + 1, 5000} {
		for _, distinct := range []int{1, 3, 1000000} {
			s := selection{better: better}
			var all []candidate
			for i, doc := range draw.Perm(n) {
				c := candidate{doc: uint32(doc), total: float64(1 + draw.IntN(distinct))}
				all = append(all, c)
				if c.total >= s.least() {
					s.offer(c)
				}
				if len(s.list) != min(i+1, candidates) {
					t.Fatalf("%d of %d kept", len(s.list), i+1)
				}
			}
			order := func(a, b candidate) int { return better(&a, &b) }
			slices.SortFunc(all, order)
			slices.SortFunc(s.list, order)
			if diff := gocmp.Diff(all[:min(n, candidates)], s.list, gocmp.AllowUnexported(candidate{}, docScore{})); diff != "" {
				t.Fatalf("%d candidates, %d scores (-want +got):\n%s", n, distinct, diff)
			}
		}
	}
}
