package nlp

import "testing"

func BenchmarkNewSpeller(b *testing.B) {
	lex, err := LoadLexicon()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		NewSpeller(lex, nil, func(func(string, int) bool) {})
	}
}

func BenchmarkParseWithSpeller(b *testing.B) {
	lex, err := LoadLexicon()
	if err != nil {
		b.Fatal(err)
	}
	p := Parser{Segmenter: Bigrams{}, Lexicon: lex, Speller: NewSpeller(lex, nil, func(func(string, int) bool) {})}
	for b.Loop() {
		p.Parse("我的身份证上个月在外地丢了，想在这边补办一张，要带什么材料，要多少钱，多久能拿到")
	}
}
