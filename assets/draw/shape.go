package main

import "math"

// A shape returns the distance of a point from its edge in pixels: negative inside,
// positive outside. Points are on a grid of 32 × 32; y points down.
//
// Distances make smooth edges, outlines and other sizes simple. At the edge the
// distance is 0; an outline of 2 pixels has the points with a distance below 2.
type shape func(x, y float64) float64

// disc is a filled circle.
func disc(cx, cy, r float64) shape {
	return func(x, y float64) float64 { return math.Hypot(x-cx, y-cy) - r }
}

// line is a stroke with round ends.
func line(x1, y1, x2, y2, width float64) shape {
	dx, dy := x2-x1, y2-y1
	return func(x, y float64) float64 {
		t := ((x-x1)*dx + (y-y1)*dy) / (dx*dx + dy*dy)
		t = min(max(t, 0), 1)
		return math.Hypot(x-x1-t*dx, y-y1-t*dy) - width/2
	}
}

// arc is a stroke along a circle with round ends, clockwise, angles in
// degrees from three o'clock.
func arc(cx, cy, r, from, sweep, width float64) shape {
	start, length := from*math.Pi/180, sweep*math.Pi/180
	end := func(angle float64) shape {
		return disc(cx+r*math.Cos(angle), cy+r*math.Sin(angle), width/2)
	}
	ends := union(end(start), end(start+length))
	return func(x, y float64) float64 {
		turn := math.Mod(math.Atan2(y-cy, x-cx)-start+4*math.Pi, 2*math.Pi)
		if turn > length {
			return ends(x, y)
		}
		return math.Abs(math.Hypot(x-cx, y-cy)-r) - width/2
	}
}

// polygon is a filled convex polygon with its corners in clockwise order.
func polygon(corners ...[2]float64) shape {
	return func(x, y float64) float64 {
		d := math.Inf(-1)
		for i, a := range corners {
			b := corners[(i+1)%len(corners)]
			dx, dy := b[0]-a[0], b[1]-a[1]
			d = max(d, ((x-a[0])*dy-(y-a[1])*dx)/math.Hypot(dx, dy))
		}
		return d
	}
}

// roundedSquare is a filled square in the middle of the grid.
func roundedSquare(side, radius float64) shape {
	inner := side/2 - radius
	return func(x, y float64) float64 {
		dx, dy := math.Abs(x-16)-inner, math.Abs(y-16)-inner
		return math.Hypot(max(dx, 0), max(dy, 0)) + min(max(dx, dy), 0) - radius
	}
}

// rightHalf contains all points with a larger x.
func rightHalf(x float64) shape {
	return func(px, _ float64) float64 { return x - px }
}

// union contains the points of all shapes.
func union(shapes ...shape) shape {
	return func(x, y float64) float64 {
		d := math.Inf(1)
		for _, s := range shapes {
			d = min(d, s(x, y))
		}
		return d
	}
}

// without contains the points of s that are not in hole.
func (s shape) without(hole shape) shape {
	return func(x, y float64) float64 { return max(s(x, y), -hole(x, y)) }
}

// within contains the points that are in both s and limit.
func (s shape) within(limit shape) shape {
	return func(x, y float64) float64 { return max(s(x, y), limit(x, y)) }
}

// scaled returns the shape in another size, around the middle of the grid.
func (s shape) scaled(factor float64) shape {
	return func(x, y float64) float64 {
		return s(16+(x-16)/factor, 16+(y-16)/factor) * factor
	}
}
