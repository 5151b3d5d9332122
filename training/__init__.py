"""Training, pseudo labelling and evaluation of Depth Anything."""
