package vector

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// someVector is a vector of length 1, the same for the same seed.
func someVector(seed uint64, dim int) []float32 {
	r := rand.New(rand.NewPCG(seed, 1))
	v := make([]float32, dim)
	sum := 0.0
	for i := range v {
		v[i] = float32(r.NormFloat64())
		sum += float64(v[i]) * float64(v[i])
	}
	for i := range v {
		v[i] /= float32(math.Sqrt(sum))
	}
	return v
}

// around is a vector at about a cosine from another.
func around(v []float32, cosine float64, seed uint64) []float32 {
	noise := someVector(seed, len(v))
	w := make([]float32, len(v))
	for i := range w {
		w[i] = float32(cosine)*v[i] + float32(math.Sqrt(1-cosine*cosine))*noise[i]
	}
	return w
}

func code(t testing.TB, v []float32) Code {
	t.Helper()
	c, err := Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEncode(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, tt := range []struct {
		why string
		v   []float32
		err error
	}{
		{"a vector", []float32{1, -2, 3}, nil},
		{"a vector of any length is one of length 1", []float32{1e-20, 0, 0}, nil},
		{"nothing", nil, ErrVector},
		{"zeros, which point nowhere", []float32{0, 0}, ErrVector},
		{"something that is no number", []float32{1, nan}, ErrVector},
		{"something without end", []float32{1, inf}, ErrVector},
	} {
		t.Run(tt.why, func(t *testing.T) {
			c, err := Encode(tt.v)
			if !errors.Is(err, tt.err) {
				t.Fatalf("%v, want %v", err, tt.err)
			}
			if err == nil && math.Abs(c.Cosine(c)-1) > .02 {
				t.Errorf("its cosine with itself is %.3f", c.Cosine(c))
			}
		})
	}
}

// A byte for each dimension is enough: the error stays far below what tells
// rows apart.
func TestCosineIsAboutRight(t *testing.T) {
	for _, dim := range []int{3, 64, 100, 768, 1024, 1536} {
		for seed := range uint64(20) {
			a := someVector(seed, dim)
			b := around(a, float64(seed)/20, seed+100)
			exact, length := 0.0, 0.0
			for i := range a {
				exact += float64(a[i]) * float64(b[i])
				length += float64(b[i]) * float64(b[i])
			}
			exact /= math.Sqrt(length)
			if got := code(t, a).Cosine(code(t, b)); math.Abs(got-exact) > .012 {
				t.Errorf("%d dimensions: %.4f, exactly %.4f", dim, got, exact)
			}
		}
	}
}

// FuzzDotRows holds the kernel of this machine to the plain one.
func FuzzDotRows(f *testing.F) {
	f.Add(uint64(1), uint8(1), uint8(1))
	f.Add(uint64(2), uint8(32), uint8(7))
	f.Add(uint64(3), uint8(48), uint8(255))
	f.Fuzz(func(t *testing.T, seed uint64, lanes, n uint8) {
		size := int(lanes%64+1) * lane
		r := rand.New(rand.NewPCG(seed, 2))
		fill := func(n int) []int8 {
			b := make([]int8, n)
			for i := range b {
				b[i] = int8(r.IntN(255) - 127)
				if seed%3 == 0 {
					b[i] = int8(127 - 254*r.IntN(2)) // the largest products
				}
			}
			return b
		}
		q, rows := fill(size), fill(size*int(n))
		got, want := make([]int32, n), make([]int32, n)
		dotRows(q, rows, got)
		dotRowsPlain(q, rows, want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-plain +kernel):\n%s", diff)
		}
	})
}

func ids(n int, from ...int) []ID {
	var list []ID
	for i := range n {
		list = append(list, IDOf("text", fmt.Sprint(append(from, i))))
	}
	return list
}

func vectors(n, dim int) [][]float32 {
	var list [][]float32
	for i := range n {
		list = append(list, someVector(uint64(i), dim))
	}
	return list
}

func openStore(t testing.TB, dir, model string) *Store {
	t.Helper()
	s, err := Open(dir, model)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func appendAll(t testing.TB, s *Store, ids []ID, vs [][]float32, tokens int) {
	t.Helper()
	if err := s.Append(ids, vs, tokens); err != nil {
		t.Fatal(err)
	}
}

func have(s *Store, ids []ID) int {
	n := 0
	for _, id := range ids {
		if _, ok := s.Row(id); ok {
			n++
		}
	}
	return n
}

func TestStoreKeepsVectors(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, "m/1:latest")
	appendAll(t, s, ids(5), vectors(5, 40), 70)
	appendAll(t, s, ids(3, 9), vectors(3, 40), 30)
	again := openStore(t, dir, "m/1:latest")
	if n := have(again, slices.Concat(ids(5), ids(3, 9))); n != 8 || again.Rows() != 8 || again.Tokens() != 100 || again.Lost() != 0 {
		t.Errorf("%d of 8 vectors, %d rows, %d tokens, %d bytes lost", n, again.Rows(), again.Tokens(), again.Lost())
	}
	row, _ := again.Row(ids(5)[2])
	if x := again.Table().Code(row).Cosine(code(t, vectors(5, 40)[2])); x < .99 {
		t.Errorf("what was read back is at %.3f", x)
	}
}

func TestStoreNeverMixesModels(t *testing.T) {
	dir := t.TempDir()
	a, b := openStore(t, dir, "a"), openStore(t, dir, "b")
	appendAll(t, a, ids(5), vectors(5, 40), 1)
	if n := have(b, ids(5)); n != 0 {
		t.Errorf("b has %d vectors of a", n)
	}
	// A file under another model's name is not believed.
	if err := os.Rename(a.path(), b.path()); err != nil {
		t.Fatal(err)
	}
	if c := openStore(t, dir, "b"); have(c, ids(5)) != 0 || c.Lost() == 0 {
		t.Error("b has taken the file of a")
	}
}

func TestStoreRefuses(t *testing.T) {
	s := openStore(t, t.TempDir(), "m")
	appendAll(t, s, ids(1), vectors(1, 40), 1)
	for _, tt := range []struct {
		why string
		ids []ID
		vs  [][]float32
		err error
	}{
		{"fewer vectors than texts", ids(2, 1), vectors(1, 40), ErrVector},
		{"another dimension", ids(1, 1), vectors(1, 41), ErrDimension},
		{"two dimensions at once", ids(2, 1), [][]float32{someVector(1, 40), someVector(1, 8)}, ErrDimension},
		{"zeros", ids(1, 1), [][]float32{make([]float32, 40)}, ErrVector},
	} {
		t.Run(tt.why, func(t *testing.T) {
			if err := s.Append(tt.ids, tt.vs, 1); !errors.Is(err, tt.err) {
				t.Errorf("%v, want %v", err, tt.err)
			}
			if s.Rows() != 1 {
				t.Errorf("%d rows", s.Rows())
			}
		})
	}
}

// However a file is damaged, what is read is right and the rest is missing.
func TestStoreDamage(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, "m")
	for i := range 4 {
		appendAll(t, s, ids(5, i), vectors(5, 8), 1)
	}
	good, err := os.ReadFile(s.path())
	if err != nil {
		t.Fatal(err)
	}
	damaged := func(b []byte) {
		t.Helper()
		dir := t.TempDir()
		at := (&Store{dir: dir, model: "m"}).path()
		if err := os.WriteFile(at, b, 0o600); err != nil {
			t.Fatal(err)
		}
		d := openStore(t, dir, "m")
		for i := range 4 {
			for j, id := range ids(5, i) {
				row, ok := d.Row(id)
				if ok && d.Table().Code(row).Cosine(code(t, someVector(uint64(j), 8))) < .99 {
					t.Fatal("a vector is not what was kept")
				}
			}
		}
		// What is missing can be embedded again, and is there after the next opening.
		n := have(d, ids(5, 3))
		appendAll(t, d, ids(5, 3), vectors(5, 8), 1)
		if after := openStore(t, dir, "m"); have(after, ids(5, 3)) != 5 || after.Lost() != 0 {
			t.Fatalf("after a repair %d of 5 (%d before it), %d bytes lost", have(after, ids(5, 3)), n, after.Lost())
		}
	}
	for n := 0; n < len(good); n += 7 {
		damaged(good[:n]) // cut off
	}
	for n := 0; n < len(good); n += 11 {
		b := slices.Clone(good)
		b[n] ^= 0x41
		damaged(b)
	}
	damaged(append(slices.Clone(good), "more"...))
}

func TestStoreCompact(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, "m")
	for i := range 3 {
		appendAll(t, s, ids(1000, i), vectors(1000, 8), 5)
	}
	before := s.Table()
	gone := map[ID]bool{}
	for _, id := range ids(1000, 1) {
		gone[id] = true
	}
	if err := s.Compact(func(id ID) bool { return !gone[id] }); err != nil {
		t.Fatal(err)
	}
	appendAll(t, s, ids(2, 7), vectors(2, 8), 5)
	if before.rows != 3000 || before.Code(2999).Cosine(code(t, someVector(999, 8))) < .99 {
		t.Error("a table made before has changed")
	}
	for _, s := range []*Store{s, openStore(t, dir, "m")} {
		if a, b, c := have(s, ids(1000, 0)), have(s, ids(1000, 1)), have(s, ids(2, 7)); a != 1000 || b != 0 || c != 2 || s.Tokens() != 20 {
			t.Errorf("%d, %d, %d vectors, %d tokens", a, b, c, s.Tokens())
		}
	}
}

func TestStoreResetAndAlone(t *testing.T) {
	dir := t.TempDir()
	a, b := openStore(t, dir, "a"), openStore(t, dir, "b")
	appendAll(t, a, ids(5), vectors(5, 40), 1)
	appendAll(t, b, ids(5), vectors(5, 40), 1)
	if err := b.Alone(); err != nil {
		t.Fatal(err)
	}
	if n := openStore(t, dir, "a").Rows(); n != 0 {
		t.Errorf("a has %d rows", n)
	}
	if err := b.Reset(); err != nil {
		t.Fatal(err)
	}
	appendAll(t, b, ids(2), vectors(2, 64), 1)
	if again := openStore(t, dir, "b"); again.Rows() != 2 || again.Table().Dim() != 64 {
		t.Errorf("%d rows of %d dimensions", again.Rows(), again.Table().Dim())
	}
}

// tableOf is a table of clustered vectors, as those of texts are.
func tableOf(t testing.TB, n, dim int) (Table, []uint32) {
	t.Helper()
	table := Table{dim: dim, stride: stride(dim)}
	rows := make([]uint32, n)
	for i := range n {
		topic := someVector(uint64(i%50)+1e6, dim)
		table = table.with(code(t, around(topic, .7, uint64(i))))
		rows[i] = uint32(i)
	}
	return table, rows
}

func TestNearestIsTheNearest(t *testing.T) {
	table, rows := tableOf(t, 3000, 96)
	rows = slices.DeleteFunc(rows, func(r uint32) bool { return r%7 == 3 }) // runs with holes
	l := NewList(table, rows)
	odd := func(pos int) bool { return pos%2 == 1 }
	for seed := range uint64(10) {
		q := code(t, someVector(seed+2e6, 96))
		var want []Near
		for pos := range rows {
			if odd(pos) {
				want = append(want, Near{pos, l.At(q, pos)})
			}
		}
		slices.SortFunc(want, nearer)
		got := l.Nearest(q, 25, odd)
		if diff := cmp.Diff(want[:25], got.Near); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		if got.SD <= 0 || got.Near[0].Cosine < got.Mean+2*got.SD {
			t.Errorf("mean %.3f, deviation %.3f, nearest %.3f", got.Mean, got.SD, got.Near[0].Cosine)
		}
	}
	if f := NewList(table, nil).Nearest(code(t, someVector(1, 96)), 5, odd); f.Near != nil {
		t.Errorf("an empty list has %v", f.Near)
	}
}

// TestSidesRecall says how much of what the flat search finds the search by
// sides finds too.
func TestSidesRecall(t *testing.T) {
	const n, dim, k = 20_000, 256, 10
	table, rows := tableOf(t, n, dim)
	flat := NewList(table, rows)
	sided := &List{table: table, rows: rows, words: flat.words}
	sided.takeSides()
	all := func(int) bool { return true }
	found := 0
	for seed := range uint64(50) {
		q := code(t, around(someVector(seed%50+1e6, dim), .6, seed+5e6))
		near := map[int]bool{}
		for _, x := range flat.Nearest(q, k, all).Near {
			near[x.Pos] = true
		}
		for _, x := range sided.Nearest(q, k, all).Near {
			if near[x.Pos] {
				found++
			}
		}
	}
	recall := float64(found) / (50 * k)
	t.Logf("recall@%d of %d vectors: %.3f", k, n, recall)
	if recall < .98 {
		t.Errorf("recall %.3f", recall)
	}
}

// BenchmarkFlat is the flat search of the issue: 1,024 dimensions, the 50
// nearest.
func BenchmarkFlat(b *testing.B) {
	for _, n := range []int{10_000, 50_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { benchmark(b, n, false) })
	}
}

// BenchmarkSides is the same by sides.
func BenchmarkSides(b *testing.B) {
	for _, n := range []int{100_000, 300_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { benchmark(b, n, true) })
	}
}

func benchmark(b *testing.B, n int, sides bool) {
	const dim = 1024
	r := rand.New(rand.NewPCG(1, 3))
	table, rows := Table{dim: dim, stride: dim}, make([]uint32, n)
	c := Code{make([]int8, dim), .001}
	for i := range n {
		for j := 0; j < dim; j += 8 {
			x := r.Uint64()
			for k := range 8 {
				c.Bytes[j+k] = max(-127, int8(x>>(8*k)))
			}
		}
		table, rows[i] = table.with(c), uint32(i)
	}
	l := &List{table: table, rows: rows, words: dim / 64}
	if sides {
		l.takeSides()
	}
	q := code(b, someVector(1, dim))
	for b.Loop() {
		if f := l.Nearest(q, 50, func(int) bool { return true }); len(f.Near) != 50 {
			b.Fatal(len(f.Near))
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/row")
}

// BenchmarkKernel is a thousand rows of 1,024 dimensions in the cache.
func BenchmarkKernel(b *testing.B) {
	q, rows, out := make([]int8, 1024), make([]int8, 1024*1000), make([]int32, 1000)
	for name, dots := range map[string]func(q, rows []int8, out []int32){"own": dotRows, "plain": dotRowsPlain} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				dots(q, rows, out)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(out)), "ns/row")
		})
	}
}
