"""Problems with exact solutions: tabular MDPs, preference games, linear rewards."""
