// Package govqa answers citizens' questions about government service matters
// (政务服务事项) and recommends the matters that they need next.
//
// The package itself holds nothing but the rules of the house, as tests: on
// which floor each package stands, and which package owns which library. The
// product is the program in cmd/govqa. From the ground up:
//
//	corpus              what the service knows, in the words of GB/T 39554
//	corpus/store        editions and their journal, kept
//	corpus/sheet        spreadsheets and CSV files as records
//	corpus/sample       a small made-up corpus for a first start
//	nlp                 what a question asks: words, aspect, place, audience
//	nlp/jieba           the segmenter that production runs
//	index               candidates and their ranking
//	recommend           what a person needs next
//	recommend/history   what each person did, kept
//	answer              a question becomes an answer
//	answer/llm          smoother wording, never other facts
//	answer/eval         judged questions and metrics
//	api                 HTTP: JSON, event streams, pages, roles
//	cmd/govqa           wiring, flags, commands
package govqa
