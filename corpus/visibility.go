package corpus

// A Visibility says who may see a record. Empty is everybody.
type Visibility string

// The visibilities of the import format.
const (
	VisiblePublic   Visibility = "public"   // 公开, the same as none
	VisibleOperator Visibility = "operator" // 仅坐席: never to citizens, in any channel
)

// Visibilities lists the values that a record can say.
var Visibilities = []Visibility{VisiblePublic, VisibleOperator}

// Public reports whether citizens may see what is marked so.
func (v Visibility) Public() bool { return v != VisibleOperator }

// An Internal (内部知识) is what operators are told about a matter and
// citizens never are. It is not searched.
type Internal struct {
	Wording  string `json:"wording,omitempty"`  // 内部口径
	Transfer string `json:"transfer,omitempty"` // 转派规则
	Phone    string `json:"phone,omitempty"`    // 内部联系电话
}

// Public returns what citizens may see of a record, and false if that is
// nothing. The record itself is not changed.
func Public(rec Record) (Record, bool) {
	switch r := rec.(type) {
	case *Guide:
		if r.Internal == nil {
			return r, true
		}
		shown := *r
		shown.Internal = nil
		return &shown, true
	case *FAQ:
		return r, r.Visibility.Public()
	case *Policy:
		return r, r.Visibility.Public()
	}
	return rec, true
}
