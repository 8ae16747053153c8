package corpus

import "strings"

// A RegionCode is a division's code by GB/T 2260 (6 digits: province, city,
// county) or GB/T 10114 (9 digits: township; 12: village). The empty code and
// 000000 stand for the whole country.
type RegionCode string

// A Region (行政区划) is a division's code and name as a record gives them.
type Region struct {
	Code RegionCode `json:"code,omitempty"`
	Name string     `json:"name,omitempty"`
}

// Valid reports whether c has the form of a division code.
func (c RegionCode) Valid() bool {
	if len(c) != 6 && len(c) != 9 && len(c) != 12 {
		return false
	}
	return strings.Trim(string(c), "0123456789") == ""
}

// stem is c without the zeros that pad it: 440000 -> 44, 440100 -> 4401,
// 440106000000 -> 440106, the whole country -> "".
func (c RegionCode) stem() string {
	s := string(c)
	for len(s) > 6 && strings.HasSuffix(s, "000") {
		s = s[:len(s)-3]
	}
	for len(s) <= 6 && strings.HasSuffix(s, "00") {
		s = s[:len(s)-2]
	}
	return s
}

// Within reports whether c is parent itself or lies inside it. Everything
// lies inside the whole country.
func (c RegionCode) Within(parent RegionCode) bool {
	return strings.HasPrefix(c.stem(), parent.stem())
}

// Parent returns the division that c lies in: a county's city, a city's
// province, a province's country (""). A county directly under a province
// (code 4190xx or 46xxxx) gives a city code that has no name of its own.
func (c RegionCode) Parent() RegionCode {
	s := c.stem()
	switch {
	case len(s) <= 2:
		return ""
	case len(s) <= 6:
		s = s[:len(s)-2]
	default:
		s = s[:len(s)-3]
	}
	if len(s) < 6 {
		s += strings.Repeat("0", 6-len(s))
	}
	return RegionCode(s)
}

// Depth is 0 for the country, 1 for a province, 2 for a city, 3 for a county,
// 4 for a township and 5 for a village.
func (c RegionCode) Depth() int {
	n := len(c.stem())
	if n <= 6 {
		return (n + 1) / 2
	}
	return 3 + (n-6)/3
}
