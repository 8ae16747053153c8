package index

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

// spaced cuts at blanks, so that a test says itself what the words are.
type spaced struct{}

func (spaced) Words(text string, word func(start, end int)) {
	start := 0
	for i := range len(text) + 1 {
		if i == len(text) || text[i] == ' ' {
			if i > start {
				word(start, i)
			}
			start = i + 1
		}
	}
}

// likened is a sample in which 驾照 and 驾驶证 stand near the same words, and
// 护照 near others.
func likened() *wordSample {
	s := newWordSample()
	for i, text := range []string{
		"驾照 车辆 考试 司机 道路", "驾驶证 车辆 考试 司机 道路", "车辆 驾照 道路 司机", "车辆 驾驶证 道路 司机",
		"护照 出境 签证 机场 旅行", "护照 签证 旅行 出境", "出境 护照 机场 签证", "考试 驾照 司机 车辆", "考试 驾驶证 司机 车辆",
		"旅行 机场 出境 签证", "道路 车辆 司机 考试",
	} {
		s.add(fmt.Sprint(i), outerWords(spaced{}, text))
	}
	return s
}

func TestWordsNearTheSameWordsAreAlike(t *testing.T) {
	sp := likened().space()
	alike := func(a, b string) float64 { return cosine(sp.vector(sp.id(a)), sp.vector(sp.id(b))) }
	if near, far := alike("驾照", "驾驶证"), alike("驾照", "护照"); near < leastAlike || near < far+.3 {
		t.Errorf("驾照 is %.2f like 驾驶证 and %.2f like 护照", near, far)
	}
	for _, w := range []string{"驾照", "驾驶证", "护照"} {
		if v := sp.vector(sp.id(w)); math.Abs(cosine(v, v)-1) > 1e-5 {
			t.Errorf("the vector of %s has the squared length %v", w, cosine(v, v))
		}
	}
	if id := sp.id("户口"); id != -1 {
		t.Errorf("a word that no text has is number %d", id)
	}
}

func TestSameSampleGivesSameVectorsInAnyOrder(t *testing.T) {
	a, b := likened(), likened()
	slices.Reverse(b.docs)
	if !bytes.Equal(a.space().encode(), b.space().encode()) {
		t.Error("the vectors depend on the order of the documents")
	}
}

func TestSampleOfManyDocumentsIsBounded(t *testing.T) {
	s := newWordSample()
	words := slices.Repeat([]string{"居民", "身份"}, 5000)
	for i := range 1000 {
		s.add(fmt.Sprint("guide/", i), words)
	}
	kept := 0
	for _, d := range s.docs {
		kept += len(d.words)
	}
	if kept != s.tokens || kept > wordTokens || kept < wordTokens/4 {
		t.Errorf("%d words kept and %d counted, of at most %d", kept, s.tokens, wordTokens)
	}
}

func TestOuterWordsLeaveOutWhatLiesInsideOthers(t *testing.T) {
	seg := spans{{0, 6}, {6, 12}, {0, 12}, {12, 15}, {15, 21}, {21, 23}}
	if diff := cmp.Diff([]string{"居民身份", "办理"}, outerWords(seg, "居民身份证办理ab")); diff != "" {
		t.Error(diff)
	}
}

// spans is a segmenter that has its words from a list.
type spans [][2]int

func (s spans) Words(_ string, word func(start, end int)) {
	for _, w := range s {
		word(w[0], w[1])
	}
}

func TestVectorsAreReadAsWritten(t *testing.T) {
	sp := likened().space()
	got, err := decodeSpace(sp.encode())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sp, got, cmp.AllowUnexported(wordSpace{})); diff != "" {
		t.Error(diff)
	}
	empty, err := decodeSpace(newWordSample().space().encode())
	if err != nil || len(empty.ids) != 0 {
		t.Errorf("a space without words: %v, %v", empty, err)
	}
	whole := sp.encode()
	for i := range whole {
		bad := slices.Clone(whole)
		bad[i] ^= 0x10
		if _, err := decodeSpace(bad); err == nil {
			t.Fatalf("byte %d of %d changed and not noticed", i, len(whole))
		}
	}
	for i := range whole {
		if _, err := decodeSpace(whole[:i]); err == nil {
			t.Fatalf("cut to %d of %d bytes and not noticed", i, len(whole))
		}
	}
}

func TestIndexWithoutItsVectorsIsBuiltAnew(t *testing.T) {
	dir := t.TempDir()
	lex, err := nlp.LoadLexicon()
	if err != nil {
		t.Fatal(err)
	}
	m := newMemory()
	m.publish([]corpus.Record{guide("a", "补领居民身份证"), guide("b", "居住证签注")})
	open := func() *Index {
		ix, err := Open(dir, nlp.Bigrams{}, lex, Options{})
		if err != nil {
			t.Fatal(err)
		}
		return ix
	}
	ix := open()
	if _, err := ix.CatchUp(context.Background(), m); err != nil {
		t.Fatal(err)
	}
	gen := ix.gen
	if err := ix.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, gen, spaceFile), 10); err != nil {
		t.Fatal(err)
	}
	ix = open()
	defer ix.Close()
	if ix.Edition() != 0 {
		t.Fatalf("edition %d is shown with damaged vectors", ix.Edition())
	}
	if _, err := ix.CatchUp(context.Background(), m); err != nil || ix.Edition() != 1 {
		t.Errorf("after the rebuild: edition %d, %v", ix.Edition(), err)
	}
}

// forgetWords takes away what an index knows of words alike: that is of the
// edition of its last build, and all else of the edition shown.
func forgetWords(ix *Index) {
	ix.current.space = nil
	for _, s := range ix.current.segs {
		for _, e := range s.entries {
			e.wordIDs = nil
		}
	}
}
