"""The room that shows: staff pages over the lake, writing only through the API."""
