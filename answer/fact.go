package answer

// The types of the facts that questions, ratings and messages leave in the
// journal, and the values that their data are: [Asked], [Feedback],
// [KeptMessage], [MessageReply].
const (
	FactQuestion = "question"
	FactFeedback = "feedback"
	FactMessage  = "message"
	FactReply    = "message.reply"
	FactWording  = "wording"
)
