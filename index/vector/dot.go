package vector

// lane is how many bytes the widest kernel takes at once; rows are padded to it.
const lane = 32

// plainRoom is flatRoom of the kernel without vector instructions.
const plainRoom = 20 << 20

// dotRowsPlain is dotRows in Go alone: what runs where there are no vector
// instructions that we know, and what the others are tested against.
func dotRowsPlain(q, rows []int8, out []int32) {
	for i := range out {
		row := rows[i*len(q):][:len(q)]
		var a, b, c, d int32
		for j := 0; j+4 <= len(row); j += 4 {
			x, y := q[j:j+4:j+4], row[j:j+4:j+4]
			a += int32(x[0]) * int32(y[0])
			b += int32(x[1]) * int32(y[1])
			c += int32(x[2]) * int32(y[2])
			d += int32(x[3]) * int32(y[3])
		}
		out[i] = a + b + c + d
	}
}
