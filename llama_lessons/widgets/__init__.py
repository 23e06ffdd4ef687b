"""Live views: Python computes, the browser draws; the drawing code lies in `static/`."""
